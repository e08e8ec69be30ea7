// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IModule
/// @notice What every contract of the suite has in common.
/// @dev Assumed of others: the access manager answers honestly (it can only retire and do what each interface marks as
/// governance); the forwarder forwards only what its signer signed, which makes it a power to impersonate any account
/// that uses direct doors. Signed doors do not trust it.
interface IModule {
    /// @notice This contract takes no new entries any more; every exit stays open.
    /// @param atBlock The block it happened in.
    event Retired(uint256 atBlock);

    /// @notice Ends new entries for ever. Exits (revoking, ending, answering, correcting) stay open.
    /// @dev Emits {Retired}. Notes: What a patient itself grants and what an author itself anchors is not stopped even then:
    /// governance never stands on a person's path, and asking would cost each of them 2,100 gas. Whoever writes through the
    /// SDK is sent to the successor that the suite directory names. Requirements: The access manager allows the caller. Not retired before.
    /// Warning: There is no way back.
    function retire() external;

    /// @notice Whether new entries have ended.
    function isRetired() external view returns (bool);
}
