// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @notice Emits events of three shapes, as many as asked for: what the index is tested and measured on.
contract Emitter {
    event Granted(bytes32 indexed grantId, address indexed patient, uint64 classes, uint40 expiresAt, bool open);
    event Paid(uint256 indexed invoiceId, address indexed payer, uint256 amount, uint256 total);
    event Noted(uint256 indexed id, string text);

    /// @notice Emits `count` events, starting with number `start`, shapes in turn.
    function emitMany(uint256 start, uint256 count) external {
        for (uint256 i = start; i < start + count; ++i) {
            if (i % 5 < 2) emit Granted(keccak256(abi.encode(i)), address(uint160(i % 97 + 1)), uint64(i), uint40(i), i % 2 == 0);
            else if (i % 5 < 4) emit Paid(i, address(uint160(i % 89 + 1)), i * 1e18, i * 2e18);
            else emit Noted(i, "seen by the night shift");
        }
    }
}
