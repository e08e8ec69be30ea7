// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice The smallest contract with a rule, a role, an event and an error: every test runner is tried on it.
contract CanaryCounter {
    /// @notice A step was counted.
    /// @param by Who counted.
    /// @param total The count after it.
    event Counted(address indexed by, uint256 total);

    /// @notice Thrown when somebody other than the owner counts.
    /// @custom:fix Call from the account that deployed the counter.
    error CanaryCounter_NotOwner(address caller, address owner);

    /// @notice Thrown when the limit is reached.
    /// @custom:fix Deploy a counter with a higher limit.
    error CanaryCounter_LimitReached(uint256 limit);

    address private immutable _OWNER;
    uint256 private immutable _LIMIT;
    uint256 private _total;

    /// @param limit The highest total that can be reached.
    constructor(uint256 limit) {
        _OWNER = msg.sender;
        _LIMIT = limit;
    }

    /// @notice Counts one step.
    function count() external {
        // Check:
        if (msg.sender != _OWNER) revert CanaryCounter_NotOwner(msg.sender, _OWNER);
        if (_total == _LIMIT) revert CanaryCounter_LimitReached(_LIMIT);
        // Effect:
        uint256 total = _total + 1;
        _total = total;
        emit Counted(msg.sender, total);
    }

    /// @notice Returns the number of steps counted so far.
    /// @return The total, never above the limit.
    function totalOf() external view returns (uint256) {
        return _total;
    }
}
