// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Positional} from "../../contracts/libraries/Positional.sol";
import {Kit} from "../forge/Kit.sol";

/// @notice A value is proved where it stands and nowhere else, for all trees of three and of four leaves.
/// @dev Halmos takes keccak256 to be without collisions. Larger trees are tried in tests/invariants/Directives.t.sol.
contract PositionalProof is Kit {
    function verify(
        bytes32 root,
        uint256 size,
        uint256 index,
        bytes32 value,
        bytes32[] calldata path
    ) external pure returns (bool) {
        return Positional.verify(root, size, index, value, path);
    }

    function check_H11_verify__of_four__only_the_value_at_its_index(
        bytes32[4] memory values,
        uint256 index,
        bytes32 value,
        bytes32 low,
        bytes32 high
    ) public view {
        if (!this.verify(_root(values, 4), 4, index, value, _path(low, high))) return;
        _assertStandsAt(values, 4, index, value);
    }

    function check_H11_verify__of_three__only_the_value_at_its_index(
        bytes32[4] memory values,
        uint256 index,
        bytes32 value,
        bytes32 low,
        bytes32 high
    ) public view {
        if (!this.verify(_root(values, 3), 3, index, value, _path(low, high))) return;
        _assertStandsAt(values, 3, index, value);
    }

    function check_H11_verify__of_four__every_value_at_its_index(bytes32[4] memory values, bool low, bool high) public view {
        uint256 index = (low ? 1 : 0) + (high ? 2 : 0);
        bytes32[4] memory leaves = _leaves(values, 4);
        bytes32 sibling = leaves[index ^ 1];
        bytes32 across = high ? _hash(leaves[0], leaves[1]) : _hash(leaves[2], leaves[3]);
        assert(this.verify(_root(values, 4), 4, index, values[index], _path(sibling, across)));
    }

    function _assertStandsAt(bytes32[4] memory values, uint256 size, uint256 index, bytes32 value) private pure {
        assert(index < size);
        for (uint256 i = 0; i < size; ++i) assert(index != i || value == values[i]);
    }

    function _leaves(bytes32[4] memory values, uint256 size) private pure returns (bytes32[4] memory leaves) {
        for (uint256 i = 0; i < 4; ++i) if (i < size) leaves[i] = Positional.leaf(i, values[i]);
    }

    function _root(bytes32[4] memory values, uint256 size) private pure returns (bytes32) {
        bytes32[4] memory leaves = _leaves(values, size);
        return _hash(_hash(leaves[0], leaves[1]), _hash(leaves[2], leaves[3]));
    }

    function _hash(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(abi.encode(left, right));
    }

    function _path(bytes32 low, bytes32 high) private pure returns (bytes32[] memory path) {
        path = new bytes32[](2);
        (path[0], path[1]) = (low, high);
    }
}
