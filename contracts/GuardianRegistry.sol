// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Module} from "./abstracts/Module.sol";
import {IGuardianRegistry} from "./interfaces/IGuardianRegistry.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {Errors} from "./libraries/Errors.sol";
import {Words} from "./libraries/Words.sol";
import {Purpose} from "./types/Consents.sol";
import {Guardianship, GuardianshipTerms} from "./types/Guardians.sol";
import {Act, Capacity, Held, HeldStatus, Will} from "./types/Participants.sol";

/// @title GuardianRegistry
/// @notice Who may act for a patient: its controller, its steward, or a guardian and those it delegated to.
contract GuardianRegistry is IGuardianRegistry, Module {
    /* CONSTANTS */

    /// @notice A guardianship runs for 366 days at most and is renewed.
    uint40 public constant MAX_GUARDIANSHIP = 366 days;
    /// @notice A guardian may delegate, and its delegate once more.
    uint8 public constant MAX_DEPTH = 2;

    bytes32 private constant GUARDIANSHIP =
        keccak256(
            "Guardianship(address patient,address guardian,string[] purposes,uint40 until,uint8 depth,uint16 replaces,uint32 epoch,uint40 deadline)"
        );

    /* STORAGE */

    IParticipantRegistry private immutable _participants;

    mapping(bytes32 patientAndGuardian => Guardianship) private _guardianships;

    /* CONSTRUCTOR */

    constructor(
        address manager,
        address forwarder,
        IParticipantRegistry participants
    ) Module(manager, forwarder, "CareLedger GuardianRegistry") {
        _participants = participants;
    }

    /* GUARDIANS */

    /// @inheritdoc IGuardianRegistry
    function appointGuardian(GuardianshipTerms calldata terms) external {
        _requirePatient(terms.patient);
        _appoint(terms, address(0));
    }

    /// @inheritdoc IGuardianRegistry
    function appointGuardianSigned(
        GuardianshipTerms calldata terms,
        uint40 deadline,
        bytes calldata signature
    ) external {
        (address controller, uint32 epoch) = _participants.authorityOf(terms.patient);
        _requireSigned(controller, _hash(terms, epoch, deadline), deadline, signature);
        _appoint(terms, address(0));
    }

    /// @inheritdoc IGuardianRegistry
    function appointGuardianFor(GuardianshipTerms calldata terms, Act calldata act) external {
        address caller = _caller();
        bool steward = _participants.capacityOf(terms.patient, caller) == Capacity.Steward;
        if (!steward) _requireDelegable(terms, caller);
        _requireNotOfSteward(terms, caller);
        _requireAct(act);

        _appoint(terms, steward ? address(0) : caller);

        emit ActedFor(
            terms.patient,
            caller,
            steward ? Capacity.Steward : Capacity.Guardian,
            act.will,
            act.evidence
        );
    }

    /// @inheritdoc IGuardianRegistry
    function endGuardianship(address patient, address guardian) external {
        address caller = _caller();
        Guardianship storage guardianship = _guardianships[_key(patient, guardian, _life(patient))];
        bool own = caller == _participants.controllerOf(caller);
        bool may = (own && (caller == guardian || caller == guardianship.parent)) ||
            _participants.capacityOf(patient, caller) != Capacity.None;
        if (!may) revert Errors.GuardianRegistry_NotAuthorised(patient, caller);
        if (guardianship.until == 0) revert Errors.GuardianRegistry_Missing();

        guardianship.until = 0;
        uint16 version = ++guardianship.version;

        emit GuardianshipEnded(patient, guardian, caller, version);
    }

    /* INTERNAL */

    /// @dev The one predicate of authority for a patient's own act.
    function _requirePatient(address patient) private view {
        address caller = _caller();
        (address controller, ) = _participants.authorityOf(patient);
        if (controller != caller) {
            revert Errors.GuardianRegistry_NotAuthorised(patient, caller);
        }
    }

    /// @dev A signature of the patient is carried by the signed door; here somebody else's act is described.
    function _requireAct(Act calldata act) private pure {
        if (act.will == Will.None || act.will == Will.Signature || act.evidence == bytes32(0)) {
            revert Errors.GuardianRegistry_Missing();
        }
    }

    function _requireDelegable(GuardianshipTerms calldata terms, address parent) private view {
        Guardianship storage own = _guardianships[_key(terms.patient, parent, _life(terms.patient))];
        if (!_isLive(terms.patient, parent, 0) || _participants.controllerOf(parent) != parent) {
            revert Errors.GuardianRegistry_NotAuthorised(terms.patient, parent);
        }
        bool within = terms.purposes & ~own.purposes == 0 && terms.until <= own.until && terms.depth < own.depth;
        if (!within || terms.guardian == parent) {
            revert Errors.GuardianRegistry_BadGuardianship(terms.purposes, terms.until, terms.depth);
        }
    }

    /// @dev A guardian holds what a steward may not take for itself, and goes on when the steward is suspended: so the
    /// steward of a held account and whoever is its own are nobody's guardian there, by whomever appointed.
    function _requireNotOfSteward(GuardianshipTerms calldata terms, address caller) private view {
        Held memory account = _participants.heldOf(terms.patient);
        if (account.status == HeldStatus.None || account.status == HeldStatus.Claimed) return;
        address controller = _participants.controllerOf(account.steward);
        bool own = terms.guardian == caller ||
            terms.guardian == controller ||
            _participants.controllerOf(terms.guardian) == controller ||
            _participants.isAffiliated(account.steward, terms.guardian) ||
            _participants.isAffiliated(terms.guardian, account.steward);
        if (own) revert Errors.GuardianRegistry_StewardLimit(account.steward, terms.guardian);
    }

    function _appoint(GuardianshipTerms calldata terms, address parent) private {
        _requireOpen();
        Guardianship storage guardianship = _guardianships[_key(terms.patient, terms.guardian, _life(terms.patient))];
        uint16 version = guardianship.version;
        if (terms.replaces != version) revert Errors.GuardianRegistry_StaleVersion(terms.replaces, version);
        if (terms.guardian == address(0) || terms.guardian == terms.patient) revert Errors.GuardianRegistry_Missing();
        // A delegate cannot replace an appointment that the patient or a steward made, or another delegate's.
        if (parent != address(0) && guardianship.until > block.timestamp && guardianship.parent != parent) {
            revert Errors.GuardianRegistry_NotAuthorised(terms.patient, parent);
        }
        bool known = terms.purposes != 0 && terms.purposes >> (uint8(type(Purpose).max) + 1) == 0;
        bool timely = terms.until > block.timestamp && terms.until <= block.timestamp + MAX_GUARDIANSHIP;
        if (!known || !timely || terms.depth > MAX_DEPTH) {
            revert Errors.GuardianRegistry_BadGuardianship(terms.purposes, terms.until, terms.depth);
        }

        ++version;
        _guardianships[_key(terms.patient, terms.guardian, _life(terms.patient))] = Guardianship({
            parent: parent,
            purposes: terms.purposes,
            until: terms.until,
            depth: terms.depth,
            version: version
        });

        emit GuardianAppointed(
            terms.patient,
            terms.guardian,
            parent,
            terms.purposes,
            terms.until,
            terms.depth,
            version
        );
    }

    /// @dev Whether a guardian and everybody above it hold all of `purposes` now. At most {MAX_DEPTH} + 1 steps: each
    /// delegate has less depth than its parent, and a parent replaced with less depth cuts off what no longer fits.
    function _isLive(address patient, address guardian, uint32 purposes) private view returns (bool) {
        uint256 below = 0;
        uint16 life = _life(patient);
        for (uint256 step = 0; step <= MAX_DEPTH; ++step) {
            Guardianship storage g = _guardianships[_key(patient, guardian, life)];
            if (block.timestamp >= g.until || purposes & ~g.purposes != 0 || g.depth < below) return false;
            if (g.parent == address(0)) return true;
            below = uint256(g.depth) + 1;
            guardian = g.parent;
        }
        return false;
    }

    function _hash(GuardianshipTerms calldata t, uint32 epoch, uint40 deadline) private pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    GUARDIANSHIP,
                    t.patient,
                    t.guardian,
                    Words.ofPurposes(t.purposes),
                    t.until,
                    t.depth,
                    t.replaces,
                    epoch,
                    deadline
                )
            );
    }

    /// @dev A claim or recovery begins a new life: whoever was appointed before it holds nothing any more.
    function _life(address patient) private view returns (uint16) {
        return _participants.accountOf(patient).recoveries;
    }

    function _key(address patient, address guardian, uint16 life) private pure returns (bytes32) {
        return keccak256(abi.encode(patient, guardian, life));
    }

    /* VIEWS */

    /// @inheritdoc IGuardianRegistry
    function capacityFor(address patient, address actor, Purpose purpose) external view returns (Capacity capacity) {
        capacity = _participants.capacityOf(patient, actor);
        if (capacity != Capacity.None || _participants.controllerOf(actor) != actor) return capacity;
        if (isGuardian(patient, actor, purpose)) capacity = Capacity.Guardian;
    }

    /// @inheritdoc IGuardianRegistry
    function guardianshipOf(address patient, address guardian) external view returns (Guardianship memory) {
        return _guardianships[_key(patient, guardian, _life(patient))];
    }

    /// @inheritdoc IGuardianRegistry
    function isGuardian(address patient, address guardian, Purpose purpose) public view returns (bool) {
        return _isLive(patient, guardian, uint32(1) << uint8(purpose));
    }
}
