// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GuardianTerms, Recovery} from "../types/Participants.sol";
import {Errors} from "./Errors.sol";

/// @title Recoveries
/// @notice How a lost account is given back: approvals, a wait, an objection that doubles it, a larger quorum that prevails.
/// @dev None -> Proposed -> Waiting -> carried out | lapsed | void (another recovery came first). A lapsed or void one
/// begins anew with the next approval.
library Recoveries {
    /// @dev Sixteen guardians at most, so that an approval is one bit.
    uint8 internal constant MAX_GUARDIANS = 16;
    uint40 internal constant LAPSE = 30 days;
    uint32 internal constant MIN_WAIT = 1 days;
    uint32 internal constant MAX_WAIT = 90 days;

    function check(GuardianTerms calldata t) internal pure {
        if (
            t.quorum == 0 ||
            t.largerQuorum < t.quorum ||
            t.largerQuorum > MAX_GUARDIANS ||
            t.waitSeconds < MIN_WAIT ||
            t.waitSeconds > MAX_WAIT
        ) revert Errors.ParticipantRegistry_BadGuardianTerms(t.quorum, t.largerQuorum, t.waitSeconds);
    }

    function commitment(GuardianTerms calldata t) internal pure returns (bytes32) {
        return keccak256(abi.encode(t.root, t.quorum, t.largerQuorum, t.waitSeconds));
    }

    /// @notice Whether a proposal does not count (any more): never begun, overtaken, or lapsed.
    function isVoid(Recovery storage r, uint16 recoveries, uint256 time) internal view returns (bool) {
        uint40 from = r.readyAt != 0 ? r.readyAt : r.begunAt;
        return r.guardians == bytes32(0) || r.recoveries != recoveries || time > from + LAPSE;
    }

    function begin(Recovery storage r, bytes32 guardians, uint16 recoveries) internal {
        r.guardians = guardians;
        r.approvals = 0;
        r.count = 0;
        r.objected = false;
        r.endorsed = false;
        r.recoveries = recoveries;
        r.begunAt = uint40(block.timestamp);
        r.quorumAt = 0;
        r.readyAt = 0;
    }

    /// @return quorum True if this approval completed the quorum.
    function approve(
        Recovery storage r,
        GuardianTerms calldata t,
        uint8 index,
        uint256 time
    ) internal returns (bool quorum) {
        uint32 bit = uint32(1) << index;
        if (r.approvals & bit != 0) revert Errors.ParticipantRegistry_AlreadyDone(Errors.RecoveryStep.Approval);
        r.approvals |= bit;
        uint8 count = ++r.count;
        quorum = count == t.quorum;
        if (quorum) {
            r.quorumAt = uint40(time);
            r.readyAt = uint40(time) + (r.objected ? 2 : 1) * uint40(t.waitSeconds);
        }
    }

    /// @notice Doubles the wait; if the quorum has not been reached, the wait will be double then.
    function object_(Recovery storage r) internal {
        r.objected = true;
        if (r.quorumAt != 0) r.readyAt += r.readyAt - r.quorumAt;
    }

    function requireReady(
        Recovery storage r,
        GuardianTerms calldata t,
        uint16 recoveries,
        uint256 time
    ) internal view {
        uint8 needed = r.objected && !r.endorsed ? t.largerQuorum : t.quorum;
        uint40 readyAt = isVoid(r, recoveries, time) ? 0 : r.readyAt;
        bool ready = readyAt != 0 && time >= readyAt && r.count >= needed;
        if (!ready) revert Errors.ParticipantRegistry_NotReady(r.count, needed, readyAt);
    }
}
