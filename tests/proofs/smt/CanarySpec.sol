// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice The smallest specification for the model checker: it shows the form, and that the runner runs.
/// @dev Only state and arithmetic, and imports of nothing but import-free cores. Each public function is tried with all
/// inputs in all reachable states; each `assert` is a property, and so is each operation that could overflow.
contract CanarySpec {
    uint256 private constant _LIMIT = 1_000;
    uint256 private _total;

    function count(uint256 by) external {
        if (by > _LIMIT - _total) return;
        _total += by;
        assert(_total <= _LIMIT);
    }

    function limitHolds() external view {
        assert(_total <= _LIMIT);
    }
}
