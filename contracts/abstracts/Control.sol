// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IParticipantRegistry} from "../interfaces/IParticipantRegistry.sol";
import {Errors} from "../libraries/Errors.sol";
import {ParticipantTypes} from "../libraries/ParticipantTypes.sol";
import {Recoveries} from "../libraries/Recoveries.sol";
import {
    Account,
    GuardianProof,
    GuardianTerms,
    Jurisdiction,
    Recovery,
    RecoveryId,
    Role
} from "../types/Participants.sol";
import {Module} from "./Module.sol";

/// @title Control
/// @notice Who acts for a subject: its controller of now, and how a lost key is replaced.
abstract contract Control is IParticipantRegistry, Module {
    /* TYPES */

    struct Guardians {
        bytes32 inForce;
        bytes32 next;
        uint40 inForceAt;
    }

    /* STORAGE */

    mapping(address subject => Account) private _accounts;
    mapping(address subject => Guardians) private _guardians;
    mapping(RecoveryId recoveryId => Recovery) private _recoveries;

    /* CONTROL AND RECOVERY */

    /// @inheritdoc IParticipantRegistry
    function changeController(address subject, address newController) external {
        _requireController(subject);
        if (newController == address(0)) revert Errors.ParticipantRegistry_Missing();
        _setController(subject, newController, false);
    }

    /// @inheritdoc IParticipantRegistry
    function raiseEpoch(address subject) external {
        _requireController(subject);
        uint32 epoch = ++_accounts[subject].epoch;
        emit EpochRaised(subject, epoch);
    }

    /// @inheritdoc IParticipantRegistry
    function setGuardians(address subject, GuardianTerms calldata current, GuardianTerms calldata next) external {
        Guardians storage guardians = _guardians[subject];
        _requireController(subject);
        if (next.root != bytes32(0)) _requireSound(next);
        bytes32 inForce = _guardiansInForce(subject);
        if (inForce != bytes32(0) && _commitment(current) != inForce) {
            revert Errors.ParticipantRegistry_NotTheGuardians(subject, inForce);
        }

        uint40 wait = inForce == bytes32(0) ? 0 : current.waitSeconds;
        bytes32 commitment = next.root == bytes32(0) ? bytes32(0) : _commitment(next);
        guardians.inForce = inForce;
        guardians.next = commitment;
        guardians.inForceAt = uint40(block.timestamp) + wait;

        emit GuardiansChanged(subject, inForce, commitment, guardians.inForceAt);
    }

    /// @inheritdoc IParticipantRegistry
    function approveRecovery(
        address subject,
        address newController,
        GuardianTerms calldata terms,
        GuardianProof calldata proof,
        uint40 deadline,
        bytes calldata signature
    ) external {
        Account storage account = _accounts[subject];
        RecoveryId id = _recoveryId(subject, newController);
        Recovery storage recovery = _recoveries[id];
        if (newController == address(0)) revert Errors.ParticipantRegistry_Missing();
        if (_isVoid(recovery, account.recoveries)) _begin(recovery, _guardiansInForce(subject), account.recoveries);
        uint40 lapsesAt = Recoveries.lapsesAt(recovery.begunAt, recovery.readyAt);
        if (deadline > lapsesAt) revert Errors.ParticipantRegistry_BadWindow(0, deadline, lapsesAt);
        if (_commitment(terms) != recovery.guardians) {
            revert Errors.ParticipantRegistry_NotTheGuardians(subject, recovery.guardians);
        }
        _requireGuardian(terms.root, proof);
        bytes32 structHash = ParticipantTypes.hashApproval(subject, newController, account.recoveries, deadline);
        _requireAgreed(proof.guardian, structHash, deadline, signature);

        bool quorum = _approve(recovery, terms, proof.index);

        emit RecoveryApproved(id, subject, newController, recovery.guardians, proof.index, recovery.count);
        if (quorum) {
            _freeze(account, recovery.readyAt);
            // Whatever set a thief put in before the quorum was there does not act while this one can be carried out.
            _guardians[subject].inForce = recovery.guardians;
            emit RecoveryReady(id, subject, recovery.quorumAt, recovery.readyAt);
        }
    }

    /// @inheritdoc IParticipantRegistry
    function objectToRecovery(address subject, address newController) external {
        RecoveryId id = _recoveryId(subject, newController);
        Recovery storage recovery = _recoveries[id];
        _requireController(subject);
        _requireNotVoid(subject, recovery);
        if (recovery.objected) revert Errors.ParticipantRegistry_AlreadyDone(Errors.RecoveryStep.Objection);

        uint40 oldReadyAt = recovery.readyAt;
        recovery.objected = true;
        recovery.readyAt = Recoveries.readyObjected(recovery.quorumAt, oldReadyAt);
        _freeze(_accounts[subject], recovery.readyAt);

        emit RecoveryObjected(id, subject, oldReadyAt, recovery.readyAt);
    }

    /// @inheritdoc IParticipantRegistry
    function endorseRecovery(
        address subject,
        address newController,
        address accreditor,
        Jurisdiction jurisdiction
    ) external {
        RecoveryId id = _recoveryId(subject, newController);
        Recovery storage recovery = _recoveries[id];
        _requireController(accreditor);
        if (!_isAdmitted(accreditor, Role.Steward, jurisdiction)) {
            revert Errors.ParticipantRegistry_NotAccreditor(accreditor, Role.Steward, jurisdiction);
        }
        _requireNotVoid(subject, recovery);
        if (!recovery.objected || recovery.quorumAt == 0) {
            revert Errors.ParticipantRegistry_NotReady(recovery.count, 0, recovery.readyAt);
        }
        if (recovery.endorsed) revert Errors.ParticipantRegistry_AlreadyDone(Errors.RecoveryStep.Endorsement);

        recovery.endorsed = true;

        emit RecoveryEndorsed(id, subject, accreditor);
    }

    /// @inheritdoc IParticipantRegistry
    function executeRecovery(address subject, address newController, GuardianTerms calldata terms) external {
        Account storage account = _accounts[subject];
        Recovery storage recovery = _recoveries[_recoveryId(subject, newController)];
        if (_commitment(terms) != recovery.guardians) {
            revert Errors.ParticipantRegistry_NotTheGuardians(subject, recovery.guardians);
        }
        _requireReady(recovery, terms, account.recoveries);

        // Whatever set of guardians a thief put in meanwhile goes with the thief.
        bytes32 old = _guardiansInForce(subject);
        account.recoveringUntil = 0;
        bytes32 restored = recovery.guardians;
        uint40 time = uint40(block.timestamp);
        _guardians[subject] = Guardians({inForce: restored, next: restored, inForceAt: time});

        emit GuardiansChanged(subject, old, restored, time);
        _setController(subject, newController, true);
    }

    /* INTERNAL */

    /// @dev Whether an issuer is admitted for a role and jurisdiction now.
    function _isAdmitted(address issuer, Role role, Jurisdiction jurisdiction) internal view virtual returns (bool);

    /// @dev The one predicate of authority: the caller is the controller of now.
    function _requireController(address subject) internal view {
        address controller = controllerOf(subject);
        if (_caller() != controller) {
            revert Errors.ParticipantRegistry_NotController(subject, _caller(), controller);
        }
    }

    /// @dev Two doors in one: an empty signature is the party's own call, any other its signed word.
    function _requireAgreed(
        address party,
        bytes32 structHash,
        uint40 deadline,
        bytes calldata signature
    ) internal view {
        if (signature.length == 0) _requireController(party);
        else _requireSigned(controllerOf(party), structHash, deadline, signature);
    }

    function _requireGuardian(bytes32 root, GuardianProof calldata proof) private pure {
        bytes32 leaf = ParticipantTypes.guardianLeaf(proof.index, proof.guardian, proof.salt);
        if (proof.index >= Recoveries.MAX_GUARDIANS || !MerkleProof.verifyCalldata(proof.path, root, leaf)) {
            revert Errors.ParticipantRegistry_NotAGuardian(proof.guardian, proof.index);
        }
    }

    function _requireNotVoid(address subject, Recovery storage recovery) private view {
        if (_isVoid(recovery, _accounts[subject].recoveries)) revert Errors.ParticipantRegistry_NotReady(0, 0, 0);
    }

    function _requireSound(GuardianTerms calldata t) private pure {
        if (!Recoveries.areSound(t.quorum, t.largerQuorum, t.waitSeconds)) {
            revert Errors.ParticipantRegistry_BadGuardianTerms(t.quorum, t.largerQuorum, t.waitSeconds);
        }
    }

    function _requireReady(Recovery storage r, GuardianTerms calldata t, uint16 recoveries) private view {
        uint8 needed = Recoveries.needed(t.quorum, t.largerQuorum, r.objected, r.endorsed);
        uint40 readyAt = _isVoid(r, recoveries) ? 0 : r.readyAt;
        if (!Recoveries.isReady(readyAt, r.count, needed, block.timestamp)) {
            revert Errors.ParticipantRegistry_NotReady(r.count, needed, readyAt);
        }
    }

    /// @dev Whether a proposal does not count (any more): never begun, overtaken, or lapsed.
    function _isVoid(Recovery storage r, uint16 recoveries) private view returns (bool) {
        return
            r.guardians == bytes32(0) ||
            r.recoveries != recoveries ||
            Recoveries.hasLapsed(r.begunAt, r.readyAt, block.timestamp);
    }

    function _begin(Recovery storage r, bytes32 guardians, uint16 recoveries) private {
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

    /// @dev True if this approval completed the quorum.
    function _approve(Recovery storage r, GuardianTerms calldata t, uint8 index) private returns (bool quorum) {
        uint32 bit = uint32(1) << index;
        if (r.approvals & bit != 0) revert Errors.ParticipantRegistry_AlreadyDone(Errors.RecoveryStep.Approval);

        r.approvals |= bit;
        uint8 count = ++r.count;
        quorum = count == t.quorum;
        if (quorum) {
            r.quorumAt = uint40(block.timestamp);
            r.readyAt = Recoveries.ready(uint40(block.timestamp), t.waitSeconds, r.objected);
        }
    }

    function _setController(address subject, address newController, bool recovered) internal {
        Account storage account = _accounts[subject];
        address old = controllerOf(subject);

        account.controller = newController == subject ? address(0) : newController;
        uint32 epoch = ++account.epoch;
        if (recovered) ++account.recoveries;

        emit ControllerChanged(subject, old, newController, epoch, account.recoveries);
    }

    /// @dev To the last second at which any recovery of the account can be carried out; another one never shortens it.
    function _freeze(Account storage account, uint40 readyAt) private {
        if (readyAt != 0) account.recoveringUntil = Recoveries.frozenUntil(account.recoveringUntil, readyAt);
    }

    /// @dev A change waits for its time, and for the end of every recovery that has its quorum.
    function _guardiansInForce(address subject) private view returns (bytes32) {
        Guardians storage guardians = _guardians[subject];
        bool due = block.timestamp >= guardians.inForceAt && block.timestamp >= _accounts[subject].recoveringUntil;
        return due ? guardians.next : guardians.inForce;
    }

    /// @dev What the chain keeps of guardians and of the terms they act on.
    function _commitment(GuardianTerms calldata t) private pure returns (bytes32) {
        return keccak256(abi.encode(t.root, t.quorum, t.largerQuorum, t.waitSeconds));
    }

    function _recoveryId(address subject, address newController) private view returns (RecoveryId) {
        return RecoveryId.wrap(keccak256(abi.encode(block.chainid, address(this), subject, newController)));
    }

    /* VIEWS */

    /// @inheritdoc IParticipantRegistry
    function controllerOf(address subject) public view returns (address controller) {
        controller = _accounts[subject].controller;
        if (controller == address(0)) controller = subject;
    }

    /// @inheritdoc IParticipantRegistry
    function authorityOf(address subject) external view returns (address controller, uint32 epoch) {
        Account storage account = _accounts[subject];
        (controller, epoch) = (account.controller, account.epoch);
        if (controller == address(0)) controller = subject;
    }

    /// @inheritdoc IParticipantRegistry
    function accountOf(address subject) external view returns (Account memory) {
        return _accounts[subject];
    }

    /// @inheritdoc IParticipantRegistry
    function isRecovering(address subject) external view returns (bool) {
        return block.timestamp < _accounts[subject].recoveringUntil;
    }

    /// @inheritdoc IParticipantRegistry
    function guardiansOf(address subject) external view returns (bytes32 inForce, bytes32 next, uint40 inForceAt) {
        Guardians storage guardians = _guardians[subject];
        return (_guardiansInForce(subject), guardians.next, guardians.inForceAt);
    }

    /// @inheritdoc IParticipantRegistry
    function recoveryOf(
        address subject,
        address newController
    ) external view returns (RecoveryId recoveryId, Recovery memory recovery) {
        recoveryId = _recoveryId(subject, newController);
        recovery = _recoveries[recoveryId];
    }
}
