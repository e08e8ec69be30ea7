// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Positional
/// @notice Merkle trees whose path bits are the index: a leaf can only be proved where it stands.
/// @dev Leaf i is keccak256(keccak256(abi.encode(i, value))), nodes are hashed left and right in order, and missing leaves
/// are zero, so that the depth follows from the number of leaves. Proved for three and four leaves (tests/proofs), tried with
/// random trees of up to 33 (tests/invariants/Directives.t.sol).
library Positional {
    /// @notice The leaf for a value at an index.
    function leaf(uint256 index, bytes32 value) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(index, value))));
    }

    /// @notice Depth of a tree over so many leaves: the least d with 2**d >= size.
    function depth(uint256 size) internal pure returns (uint256 d) {
        while (d < 255 && (uint256(1) << d) < size) ++d;
    }

    /// @notice Whether `value` stands at `index` of the tree over `size` leaves under `root`.
    /// @param path Siblings from the leaf up; exactly the tree's depth of them.
    function verify(
        bytes32 root,
        uint256 size,
        uint256 index,
        bytes32 value,
        bytes32[] calldata path
    ) internal pure returns (bool) {
        if (index >= size || path.length != depth(size)) return false;
        bytes32 node = leaf(index, value);
        for (uint256 i = 0; i < path.length; ++i) {
            node = index & 1 == 0 ? _hash(node, path[i]) : _hash(path[i], node);
            index >>= 1;
        }
        return node == root;
    }

    function _hash(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(abi.encode(left, right));
    }
}
