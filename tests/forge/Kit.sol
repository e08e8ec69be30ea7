// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice The cheatcodes that the tests use. Forge and Halmos answer them at one well-known address.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    // Accounts and signatures
    function addr(uint256 privateKey) external pure returns (address);
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function label(address account, string calldata name) external;
    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;

    // Who calls, and when
    function prank(address caller) external;
    function startPrank(address caller) external;
    function stopPrank() external;
    function warp(uint256 timestamp) external;
    function roll(uint256 number) external;
    function chainId(uint256 id) external;

    // The creation code of an artifact
    function getCode(string calldata path) external view returns (bytes memory);

    // Storage and snapshots
    function load(address account, bytes32 slot) external view returns (bytes32);
    function store(address account, bytes32 slot, bytes32 value) external;
    function snapshotState() external returns (uint256);
    function revertToState(uint256 id) external returns (bool);
    function record() external;
    function accesses(address account) external returns (bytes32[] memory reads, bytes32[] memory writes);

    // Expectations
    function assume(bool condition) external pure;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function expectEmit() external;
    function expectEmit(address emitter) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function toString(uint256 value) external pure returns (string memory);
    function toString(bytes32 value) external pure returns (string memory);

    // Assertions are cheatcodes, so that a failure shows both values.
    function assertTrue(bool value, string calldata why) external pure;
    function assertFalse(bool value, string calldata why) external pure;
    function assertEq(bool actual, bool expected, string calldata why) external pure;
    function assertEq(uint256 actual, uint256 expected, string calldata why) external pure;
    function assertEq(address actual, address expected, string calldata why) external pure;
    function assertEq(bytes32 actual, bytes32 expected, string calldata why) external pure;
    function assertEq(bytes calldata actual, bytes calldata expected, string calldata why) external pure;
    function assertNotEq(bytes32 actual, bytes32 unexpected, string calldata why) external pure;
    function assertNotEq(uint256 actual, uint256 unexpected, string calldata why) external pure;
    function assertLe(uint256 actual, uint256 limit, string calldata why) external pure;
    function assertLt(uint256 actual, uint256 limit, string calldata why) external pure;
    function assertGe(uint256 actual, uint256 limit, string calldata why) external pure;
    function assertGt(uint256 actual, uint256 limit, string calldata why) external pure;
}

/// @notice What Forge and Halmos need of a test contract; no library is behind it.
/// @dev Forge looks for `IS_TEST`, `setUp`, `test…`, `invariant_…`, `failed()` and the target getters. Halmos reads all
/// six getters and, with one missing, ignores every target with no more than a warning.
abstract contract Kit {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    bool public constant IS_TEST = true;
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address[] private _targets;
    address[] private _senders;
    address[] private _excludedTargets;
    address[] private _excludedSenders;
    FuzzSelector[] private _selectors;
    FuzzSelector[] private _excludedSelectors;

    // ---- What an invariant campaign calls, and as whom ----

    function targetContract(address target) internal {
        _targets.push(target);
    }

    function targetSender(address sender) internal {
        _senders.push(sender);
    }

    function targetSelector(FuzzSelector memory selector) internal {
        _selectors.push(selector);
    }

    function excludeContract(address target) internal {
        _excludedTargets.push(target);
    }

    function excludeSender(address sender) internal {
        _excludedSenders.push(sender);
    }

    function excludeSelector(FuzzSelector memory selector) internal {
        _excludedSelectors.push(selector);
    }

    function targetContracts() public view returns (address[] memory) {
        return _targets;
    }

    function targetSenders() public view returns (address[] memory) {
        return _senders;
    }

    function targetSelectors() public view returns (FuzzSelector[] memory) {
        return _selectors;
    }

    function excludeContracts() public view returns (address[] memory) {
        return _excludedTargets;
    }

    function excludeSenders() public view returns (address[] memory) {
        return _excludedSenders;
    }

    function excludeSelectors() public view returns (FuzzSelector[] memory) {
        return _excludedSelectors;
    }

    function failed() public view returns (bool) {
        return vm.load(address(vm), bytes32("failed")) != bytes32(0);
    }

    // ---- Helpers ----

    /// @notice Deploys a contract from its built artifact: the bytes that ship, not a second compilation.
    /// @param name The contract, as in careledger/artifacts or contracts/mocks.
    /// @param arguments The constructor's arguments, ABI-encoded.
    function deploy(string memory name, bytes memory arguments) internal returns (address at) {
        bytes memory code = vm.getCode(string.concat(".build/code/", name, ".json"));
        return deployCode(bytes.concat(code, arguments));
    }

    function deployCode(bytes memory code) private returns (address at) {
        assembly {
            at := create(0, add(code, 32), mload(code))
            if iszero(at) {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
        }
    }

    /// @notice Folds any `x` into `[low, high]`; a value already inside stays as it is.
    function bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        require(low <= high, "bound: empty range");
        if (x >= low && x <= high) return x;
        unchecked {
            uint256 width = high - low + 1;
            return width == 0 ? x : low + (x % width);
        }
    }

    /// @notice Makes a named account with a key.
    function makeAccount(string memory name) internal returns (address account, uint256 key) {
        key = uint256(keccak256(bytes(name)));
        account = vm.addr(key);
        vm.label(account, name);
    }

    /// @notice What an account signs for a contract of the suite: the EIP-712 digest of a struct.
    function typedDigest(address at, string memory name, bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(string.concat("CareLedger ", name))),
                keccak256("1"),
                block.chainid,
                at
            )
        );
        return keccak256(abi.encodePacked("\x19\x01", domain, structHash));
    }

    /// @notice Makes a call as somebody that a second telling of the rule allows or not, and demands that outcome.
    function attempt(address who, address to, bytes memory data, bool allowed, string memory why) internal {
        vm.prank(who);
        (bool done, bytes memory answer) = to.call(data);
        vm.assertEq(done, allowed, why);
        if (!done) vm.assertTrue(answer.length >= 4 && bytes4(answer) != 0x4e487b71, "A-inv3: refused without a reason");
    }

    /// @notice Signs a digest in the usual 65 bytes.
    function signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }
}
