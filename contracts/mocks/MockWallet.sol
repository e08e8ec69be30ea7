// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A contract account (ERC-1271) that can be told to be honest or hostile; also code for EIP-7702 accounts.
contract MockWallet {
    /// @notice How it answers.
    enum Mode {
        Owner, // yes to what the owner's key signed
        No,
        Yes,
        Burn, // uses all gas it is given
        Reenter, // acts on the target before it says yes
        Short, // answers four bytes instead of a word
        Fail // reverts
    }

    address private immutable _OWNER;
    Mode private _mode;
    address private _target;
    bytes private _payload;

    constructor(address owner) {
        _OWNER = owner;
    }

    /// @notice Sets how it answers.
    function behave(Mode mode, address target, bytes calldata payload) external {
        (_mode, _target, _payload) = (mode, target, payload);
    }

    /// @notice Calls somebody, as the account.
    function act(address to, bytes calldata data) external returns (bytes memory answer) {
        bool done;
        (done, answer) = to.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    /// @notice ERC-1271, but not a view: the caller has to make sure.
    function isValidSignature(bytes32 digest, bytes calldata signature) external returns (bytes4) {
        if (_mode == Mode.No) return 0xffffffff;
        if (_mode == Mode.Fail) revert();
        if (_mode == Mode.Burn) while (true) digest = keccak256(abi.encode(digest));
        if (_mode == Mode.Short) {
            assembly ("memory-safe") {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 4)
            }
        }
        if (_mode == Mode.Reenter) {
            (bool done, ) = _target.call(_payload);
            return done ? this.isValidSignature.selector : bytes4(0xffffffff);
        }
        if (_mode == Mode.Yes) return this.isValidSignature.selector;
        (address signer, ECDSA.RecoverError err, ) = ECDSA.tryRecover(digest, signature);
        bool owners = err == ECDSA.RecoverError.NoError && signer == _OWNER;
        return owners ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}
