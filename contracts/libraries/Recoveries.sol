// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Recoveries
/// @notice How a lost account is given back: approvals, a wait, an objection that doubles it, a larger quorum that prevails.
/// @dev None -> Proposed -> Waiting -> carried out | lapsed | void (another recovery came first). A lapsed or void one
/// begins anew with the next approval. Plain values, no imports: the model checker proves what
/// tests/proofs/smt/RecoveriesSpec.sol says of it, for all values.
library Recoveries {
    /// @dev Sixteen guardians at most, so that an approval is one bit.
    uint8 internal constant MAX_GUARDIANS = 16;
    /// @dev A recovery that nobody carried out lapses so long after it was ready.
    uint40 internal constant LAPSE = 30 days;
    uint32 internal constant MIN_WAIT = 1 days;
    uint32 internal constant MAX_WAIT = 90 days;

    /// @notice Whether guardians may be set on such terms.
    function areSound(uint8 quorum, uint8 largerQuorum, uint32 waitSeconds) internal pure returns (bool) {
        return
            quorum != 0 &&
            largerQuorum >= quorum &&
            largerQuorum <= MAX_GUARDIANS &&
            waitSeconds >= MIN_WAIT &&
            waitSeconds <= MAX_WAIT;
    }

    /// @notice Whether a proposal was left lying: nobody completed its quorum in time, or nobody carried it out.
    /// @param readyAt When it may be carried out; zero while its quorum is not complete.
    function hasLapsed(uint40 begunAt, uint40 readyAt, uint256 time) internal pure returns (bool) {
        return time > lapsesAt(begunAt, readyAt);
    }

    /// @notice The last second of a proposal. No approval is signed for longer, so none counts for the next one.
    function lapsesAt(uint40 begunAt, uint40 readyAt) internal pure returns (uint40) {
        return (readyAt != 0 ? readyAt : begunAt) + LAPSE;
    }

    /// @notice When a proposal may be carried out whose quorum is complete at `quorumAt`; after an objection the wait is double.
    function ready(uint40 quorumAt, uint32 waitSeconds, bool objected) internal pure returns (uint40) {
        uint40 once = quorumAt + waitSeconds;
        return objected ? once + waitSeconds : once;
    }

    /// @notice The same for one that is objected to now: the wait doubles, or will be double when the quorum is complete.
    /// @dev Without a quorum both are zero, and so is this.
    function readyObjected(uint40 quorumAt, uint40 readyAt) internal pure returns (uint40) {
        return readyAt + (readyAt - quorumAt);
    }

    /// @notice Approvals it takes to carry a proposal out: over an objection the larger quorum, unless an accreditor endorsed.
    function needed(uint8 quorum, uint8 largerQuorum, bool objected, bool endorsed) internal pure returns (uint8) {
        return objected && !endorsed ? largerQuorum : quorum;
    }

    /// @notice Whether a proposal that has not lapsed may be carried out now.
    function isReady(uint40 readyAt, uint8 count, uint8 needed_, uint256 time) internal pure returns (bool) {
        return readyAt != 0 && time >= readyAt && count >= needed_;
    }

    /// @notice Until when an account is frozen that was frozen until `until`: to the last second at which this proposal can be
    /// carried out, and never shorter than before.
    function frozenUntil(uint40 until, uint40 readyAt) internal pure returns (uint40) {
        uint40 end = readyAt + LAPSE + 1;
        return end > until ? end : until;
    }
}
