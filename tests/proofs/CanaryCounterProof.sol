// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CanaryCounter} from "../../contracts/mocks/CanaryCounter.sol";
import {Kit} from "../forge/Kit.sol";

/// @notice Symbolic proofs on the real bytecode: they show the form, and that the runner runs.
contract CanaryCounterProof is Kit {
    function check_count__when_anybody__only_owner_succeeds(address caller, uint256 limit) public {
        CanaryCounter counter = CanaryCounter(deploy("CanaryCounter", abi.encode(limit)));
        vm.prank(caller);
        (bool success,) = address(counter).call(abi.encodeCall(CanaryCounter.count, ()));
        assert(success == (caller == address(this) && limit != 0));
        assert(counter.totalOf() == (success ? 1 : 0));
    }
}
