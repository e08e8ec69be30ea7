// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Module} from "./abstracts/Module.sol";
import {IConsentRegistry} from "./interfaces/IConsentRegistry.sol";
import {IEmergencyRegistry} from "./interfaces/IEmergencyRegistry.sol";
import {IGuardianRegistry} from "./interfaces/IGuardianRegistry.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {ConsentTypes} from "./libraries/ConsentTypes.sol";
import {Directives, Reason, Rule} from "./libraries/Directives.sol";
import {DirectiveWords} from "./libraries/DirectiveWords.sol";
import {Errors} from "./libraries/Errors.sol";
import {Recipients} from "./libraries/Recipients.sol";
import {Words} from "./libraries/Words.sol";
import {
    Answer,
    BasePolicy,
    ConsentReason,
    Directive,
    DirectiveId,
    DirectiveWord,
    GrantTerms,
    Limits,
    Purpose,
    Recipient,
    RecipientKind,
    Request,
    Scope,
    StandingDenial
} from "./types/Consents.sol";
import {Act, Capacity, Held, HeldStatus, Jurisdiction, Role, Will} from "./types/Participants.sol";

/// @title ConsentRegistry
/// @notice Who may read what, for what: a patient's directives and standing denials.
contract ConsentRegistry is IConsentRegistry, Module {
    using DirectiveWords for DirectiveWord;
    using Recipients for Recipient;
    using Recipients for Scope;

    /* CONSTANTS */

    /// @dev What a steward may grant to itself and its affiliates for: treatment and payment.
    uint32 private constant TREATMENT_AND_PAYMENT =
        uint32((1 << uint8(Purpose.TREAT)) | (1 << uint8(Purpose.HPAYMT)) | (1 << uint8(Purpose.COVERAGE)));
    /// @dev What a guardian may read for.
    uint32 private constant FAMILY =
        uint32((1 << uint8(Purpose.PATRQT)) | (1 << uint8(Purpose.FAMRQT)) | (1 << uint8(Purpose.PWATRNY)));

    /* STORAGE */

    IParticipantRegistry private immutable _participants;
    IGuardianRegistry private immutable _guardians;
    IEmergencyRegistry private immutable _emergencies;

    mapping(bytes32 patientAndScope => DirectiveWord) private _directives;
    /// @dev Only of limited directives, whose receipt a question has to open.
    mapping(bytes32 patientAndScope => bytes32 receipt) private _receipts;
    mapping(address patient => StandingDenial) private _standing;
    mapping(bytes32 custodianJurisdictionPurpose => BasePolicy) private _policies;

    /* CONSTRUCTOR */

    constructor(
        address manager,
        address forwarder,
        IParticipantRegistry participants,
        IGuardianRegistry guardians,
        IEmergencyRegistry emergencies
    ) Module(manager, forwarder, "CareLedger ConsentRegistry") {
        _participants = participants;
        _guardians = guardians;
        _emergencies = emergencies;
    }

    /* DIRECTIVES */

    /// @inheritdoc IConsentRegistry
    function grant(GrantTerms calldata terms) external {
        _requirePatient(terms.patient);
        _grant(terms);
    }

    /// @inheritdoc IConsentRegistry
    function grantSigned(
        bytes calldata signature,
        GrantTerms calldata terms,
        uint40 deadline
    ) external {
        (address controller, uint32 epoch) = _participants.authorityOf(terms.patient);
        _requireSigned(controller, ConsentTypes.hash(terms, epoch, deadline), deadline, signature);
        _grant(terms);
    }

    /// @inheritdoc IConsentRegistry
    function grantFor(GrantTerms calldata terms, Act calldata act) external {
        _requireOpen();
        Capacity capacity = _requireActor(terms.patient, _purposeOf(terms.scope), act);
        _requireStewardMay(terms);

        _grant(terms);

        emit ActedFor(terms.patient, _caller(), capacity, act.will, act.evidence);
    }

    /// @inheritdoc IConsentRegistry
    function revoke(address patient, Scope scope, ConsentReason reason) external {
        _requirePatient(patient);
        _revoke(patient, scope, reason);
    }

    /// @inheritdoc IConsentRegistry
    function revokeSigned(
        address patient,
        Scope scope,
        ConsentReason reason,
        uint40 version,
        uint40 deadline,
        bytes calldata signature
    ) external {
        bytes32 key = _key(patient, scope);
        DirectiveWord old = _directives[key];
        _requireVersion(version, old.version());
        (address controller, uint32 epoch) = _participants.authorityOf(patient);
        bytes32 structHash = ConsentTypes.hash(patient, scope, reason, version, epoch, deadline);
        _requireSigned(controller, structHash, deadline, signature);
        _end(patient, scope, reason, key, old);
    }

    /// @inheritdoc IConsentRegistry
    function revokeFor(
        address patient,
        Scope scope,
        ConsentReason reason,
        Act calldata act
    ) external {
        Capacity capacity = _requireActor(patient, _purposeOf(scope), act);
        _revoke(patient, scope, reason);
        emit ActedFor(patient, _caller(), capacity, act.will, act.evidence);
    }

    /* STANDING DENIALS */

    /// @inheritdoc IConsentRegistry
    function deny(address patient, uint64 denied, uint64 emergencyDenied) external {
        _requirePatient(patient);
        _deny(patient, denied, emergencyDenied);
    }

    /// @inheritdoc IConsentRegistry
    function denySigned(
        address patient,
        uint64 denied,
        uint64 emergencyDenied,
        uint40 version,
        uint40 deadline,
        bytes calldata signature
    ) external {
        _requireVersion(version, _standing[patient].version);
        (address controller, uint32 epoch) = _participants.authorityOf(patient);
        bytes32 structHash = ConsentTypes.hash(patient, denied, emergencyDenied, version, epoch, deadline);
        _requireSigned(controller, structHash, deadline, signature);
        _deny(patient, denied, emergencyDenied);
    }

    /// @inheritdoc IConsentRegistry
    function denyFor(address patient, uint64 denied, uint64 emergencyDenied, Act calldata act) external {
        Capacity capacity = _requireActor(patient, Purpose.PATRQT, act);
        StandingDenial storage standing = _standing[patient];
        uint64 lifted = (standing.denied & ~denied) | (standing.emergencyDenied & ~emergencyDenied);
        if (lifted != 0) revert Errors.ConsentRegistry_OnlyThePatientLifts(lifted);
        // It would only make stale what the patient signed meanwhile.
        bool adds = denied != standing.denied || emergencyDenied != standing.emergencyDenied;
        if (!adds) revert Errors.ConsentRegistry_Missing();

        _deny(patient, denied, emergencyDenied);

        emit ActedFor(patient, _caller(), capacity, act.will, act.evidence);
    }

    /* BASE POLICY */

    /// @inheritdoc IConsentRegistry
    function statePolicy(
        address custodian,
        Role custodianRole,
        Jurisdiction jurisdiction,
        Purpose purpose,
        Rule rule,
        uint64 classes,
        uint32 roles,
        bytes32 legalReference
    ) external {
        _requirePatient(custodian);
        if (custodianRole != Role.Custodian && custodianRole != Role.Provider) {
            revert Errors.ConsentRegistry_NotAccredited(custodian, custodianRole, jurisdiction);
        }
        // What a policy opened its custodian can always close: retired the contract, suspended the custodian or not.
        if (rule == Rule.PermitUnlessDenied || rule == Rule.RequiredByLaw) {
            _requireOpen();
            if (!_participants.isActive(custodian, custodianRole, jurisdiction)) {
                revert Errors.ConsentRegistry_NotAccredited(custodian, custodianRole, jurisdiction);
            }
        }
        if (classes & ~Words.KNOWN != 0) revert Errors.ConsentRegistry_BadClasses(classes, 0, Words.KNOWN);
        if (rule == Rule.Unstated || legalReference == bytes32(0)) revert Errors.ConsentRegistry_Missing();

        BasePolicy storage policy = _policies[_policyKey(custodian, jurisdiction, purpose)];
        Rule oldRule = policy.rule;
        policy.rule = rule;
        policy.classes = classes;
        policy.roles = roles;
        policy.since = uint40(block.timestamp);

        emit BasePolicyStated(custodian, jurisdiction, purpose, oldRule, rule, classes, roles, legalReference);
    }

    /* DECISION */

    /// @inheritdoc IConsentRegistry
    function decide(Request calldata request) external view returns (Answer memory answer) {
        Directives.Facts memory facts;
        bytes32 personKey = _key(request.patient, Recipients.person(request.actor).forPurpose(request.purpose));
        bytes32 actingKey = _key(request.patient, request.capacity.forPurpose(request.purpose));
        StandingDenial storage standing = _standing[request.patient];
        facts.asked = request.classes;
        facts.known = Words.KNOWN;
        facts.denied = standing.denied;
        facts.emergencyDenied = standing.emergencyDenied;
        facts.own = request.actor == request.patient;
        if (_contains(FAMILY, request.purpose)) {
            facts.guardian = _guardians.isGuardian(request.patient, request.actor, request.purpose);
        }
        (facts.capacityHeld, facts.accredited) = _holds(request);
        if (request.purpose == Purpose.ETREAT && facts.accredited) {
            facts.emergency = _emergencies.isOpen(request.patient, request.actor);
        }
        facts.person = _word(personKey, request, request.personLimits);
        facts.acting = personKey == actingKey ? facts.person : _word(actingKey, request, request.capacityLimits);
        if (!facts.own) facts.otherwiseDenied = _otherwiseDenied(request, facts.acting);
        if (facts.accredited && request.custodian != address(0)) {
            (facts.rule, facts.ruleClasses) = _policyFor(request);
        }

        (answer.reason, answer.basis, answer.grantedClasses) = Directives.decide(facts);
        answer.allowed = uint8(answer.reason) < uint8(Reason.NothingAsked);
        answer.directiveId = _spoken(request, answer.reason, facts);
    }

    /* INTERNAL */

    /// @dev The one predicate of authority for a patient's own act.
    function _requirePatient(address patient) private view {
        address caller = _caller();
        (address controller, ) = _participants.authorityOf(patient);
        if (controller != caller) revert Errors.ConsentRegistry_NotAuthorised(patient, caller);
    }

    /// @dev The one predicate of authority for an act for a patient: its steward, or a guardian for this purpose. The
    /// patient's own will comes through the other doors.
    function _requireActor(address patient, Purpose purpose, Act calldata act) private view returns (Capacity capacity) {
        address caller = _caller();
        capacity = _guardians.capacityFor(patient, caller, purpose);
        if (capacity != Capacity.Steward && capacity != Capacity.Guardian) {
            revert Errors.ConsentRegistry_NotAuthorised(patient, caller);
        }
        if (act.will == Will.None || act.will == Will.Signature || act.evidence == bytes32(0)) {
            revert Errors.ConsentRegistry_Missing();
        }
    }

    /// @dev One path for three doors. Superseding is granting again: version + 1 in the same slot.
    function _grant(GrantTerms calldata terms) private {
        (address patient, Scope scope) = (terms.patient, terms.scope);
        bytes32 key = _key(patient, scope);
        DirectiveWord word = terms.word;
        uint40 version = word.version();
        uint40 next;
        unchecked {
            next = _directives[key].version() + 1; // 2**40 grants of one directive are out of reach
        }
        if (version != next) revert Errors.ConsentRegistry_StaleVersion(version, next);
        _requireTerms(terms, word);

        _directives[key] = word;
        if (word.flags() != 0) _receipts[key] = terms.receipt;

        emit DirectiveGranted(_directiveId(patient, scope, version), patient, scope, word, terms.receipt);
    }

    /// @dev Also ends what was signed for this version and not carried yet, so it works where nothing was granted.
    function _revoke(address patient, Scope scope, ConsentReason reason) private {
        bytes32 key = _key(patient, scope);
        _end(patient, scope, reason, key, _directives[key]);
    }

    /// @dev The directive is read once: revoking by signature is not dearer than granting by one either.
    function _end(address patient, Scope scope, ConsentReason reason, bytes32 key, DirectiveWord old) private {
        if (reason == ConsentReason.None) revert Errors.ConsentRegistry_Missing();
        if (!scope.isKnown()) revert Errors.ConsentRegistry_BadScope(scope);
        DirectiveId directiveId = _directiveId(patient, scope, old.version());

        DirectiveWord next = old.revoked();
        _directives[key] = next;

        emit DirectiveRevoked(directiveId, patient, scope, next.version(), reason);
    }

    function _deny(address patient, uint64 denied, uint64 emergencyDenied) private {
        if ((denied | emergencyDenied) & ~Words.KNOWN != 0) {
            revert Errors.ConsentRegistry_BadClasses(denied, emergencyDenied, Words.KNOWN);
        }
        StandingDenial storage standing = _standing[patient];
        (uint64 oldDenied, uint64 oldEmergencyDenied) = (standing.denied, standing.emergencyDenied);

        standing.denied = denied;
        standing.emergencyDenied = emergencyDenied;
        uint40 version = ++standing.version;

        emit StandingDenialSet(patient, version, oldDenied, denied, oldEmergencyDenied, emergencyDenied);
    }

    function _requireVersion(uint40 named, uint40 current) private pure {
        if (named != current) revert Errors.ConsentRegistry_StaleVersion(named, current);
    }

    function _requireTerms(GrantTerms calldata terms, DirectiveWord word) private view {
        if (!terms.scope.isKnown()) revert Errors.ConsentRegistry_BadScope(terms.scope);
        uint64 named = word.permits() | word.denies();
        if (named == 0 || named & ~Words.KNOWN != 0) {
            revert Errors.ConsentRegistry_BadClasses(word.permits(), word.denies(), Words.KNOWN);
        }
        uint40 expiresAt = word.expiresAt();
        if (expiresAt <= word.notBefore() || expiresAt <= block.timestamp) {
            revert Errors.ConsentRegistry_BadWindow(word.notBefore(), expiresAt, block.timestamp);
        }
        if (terms.receipt == bytes32(0) || word.flags() & ~DirectiveWords.LIMITED != 0) {
            revert Errors.ConsentRegistry_Missing();
        }
    }

    /// @dev A role may include the steward and its affiliates, so it counts as both.
    function _requireStewardMay(GrantTerms calldata terms) private view {
        Purpose purpose = _purposeOf(terms.scope);
        if (_contains(TREATMENT_AND_PAYMENT, purpose)) return;
        Held memory account = _participants.heldOf(terms.patient);
        // A closed account has no steward any more; its guardians are bound as before.
        if (account.status == HeldStatus.None || account.status == HeldStatus.Claimed) return;
        address steward = account.steward;
        address controller = _participants.controllerOf(steward);
        Recipient to = terms.scope.recipient();
        address recipient = to.account();
        bool own = to.kind() == RecipientKind.Role ||
            recipient == _caller() ||
            recipient == controller ||
            _participants.controllerOf(recipient) == controller ||
            _participants.isAffiliated(steward, recipient) ||
            _participants.isAffiliated(recipient, steward);
        if (own) revert Errors.ConsentRegistry_StewardLimit(steward, to, purpose);
    }

    /// @dev Whether the actor holds the capacity, and whether that is an accredited one. At most three registry reads.
    function _holds(Request calldata request) private view returns (bool held, bool accredited) {
        RecipientKind kind = request.capacity.kind();
        if (kind == RecipientKind.Person) {
            held = request.capacity.account() == request.actor;
        } else if (kind == RecipientKind.Organisation) {
            address organisation = request.capacity.account();
            held =
                (request.actor == organisation || _participants.isAffiliated(organisation, request.actor)) &&
                _participants.isActive(organisation, request.organisationRole, request.jurisdiction);
            accredited = held;
        } else if (kind == RecipientKind.Role) {
            held =
                Jurisdiction.unwrap(request.capacity.jurisdiction()) == Jurisdiction.unwrap(request.jurisdiction) &&
                _participants.isActive(request.actor, request.capacity.role(), request.jurisdiction);
            accredited = held;
        }
    }

    function _word(
        bytes32 key,
        Request calldata request,
        Limits calldata limits
    ) private view returns (Directives.Word memory word) {
        DirectiveWord d = _directives[key];
        word.standing = _standingOf(d);
        (word.permits, word.denies) = (d.permits(), d.denies());
        (word.opened, word.within) = (true, true);
        if (d.flags() & DirectiveWords.LIMITED != 0) {
            word.opened = ConsentTypes.hash(limits) == _receipts[key];
            word.within = _isWithin(request, limits);
        }
    }

    function _standingOf(DirectiveWord d) private view returns (Directives.Standing) {
        bool revoked = d.flags() & DirectiveWords.REVOKED != 0;
        return Directives.standing(d.version(), revoked, d.notBefore(), d.expiresAt(), uint40(block.timestamp));
    }

    /// @dev What the patient denies to the same asker by its other name: no choice of capacity walks around that. Only a house
    /// that the patient permits by name is an exception from what is denied to all of its role.
    function _otherwiseDenied(
        Request calldata request,
        Directives.Word memory acting
    ) private view returns (uint64 denied) {
        DirectiveWord word = _directives[_key(request.patient, _otherName(request).forPurpose(request.purpose))];
        if (_standingOf(word) != Directives.Standing.Live) return 0;
        denied = word.denies();
        if (request.capacity.kind() == RecipientKind.Organisation) denied &= ~Directives.permits(acting);
    }

    /// @dev A house that is asked as is a provider, say, to whom the patient may have denied as a role; and whoever asks as
    /// a role or person may be a house that was denied by name.
    function _otherName(Request calldata request) private pure returns (Recipient) {
        if (request.capacity.kind() == RecipientKind.Organisation) {
            return Recipients.everybody(request.organisationRole, request.jurisdiction);
        }
        return Recipients.organisation(request.actor);
    }

    /// @dev The custodian's base policy, if it speaks of the role in which the actor asks.
    function _policyFor(Request calldata request) private view returns (Rule, uint64) {
        BasePolicy storage policy = _policies[_policyKey(request.custodian, request.jurisdiction, request.purpose)];
        bool asRole = request.capacity.kind() == RecipientKind.Role;
        Role role = asRole ? request.capacity.role() : request.organisationRole;
        if (policy.roles & (uint32(1) << uint8(role)) == 0) return (Rule.Unstated, 0);
        return (policy.rule, policy.classes);
    }

    /// @dev A request that does not say its author or period is outside limits that speak of them.
    function _isWithin(Request calldata request, Limits calldata limits) private pure returns (bool) {
        if (limits.author != address(0) && limits.author != request.author) return false;
        if (limits.dataFrom != 0 && request.dataFrom < limits.dataFrom) return false;
        if (limits.dataUntil == 0) return true;
        return request.dataUntil != 0 && request.dataUntil <= limits.dataUntil;
    }

    /// @dev The directive a decision by directive rests on: that for the capacity if it speaks, else that for the person.
    function _spoken(
        Request calldata request,
        Reason reason,
        Directives.Facts memory facts
    ) private view returns (DirectiveId) {
        bool speaks = facts.capacityHeld && Directives.permits(facts.acting) & facts.asked == facts.asked;
        bool byPerson = reason == Reason.DeniedToPerson || (reason == Reason.Directive && !speaks);
        bool byCapacity = reason == Reason.DeniedToCapacity || (reason == Reason.Directive && !byPerson);
        if (!byPerson && !byCapacity) return DirectiveId.wrap(bytes32(0));
        Recipient recipient = byPerson ? Recipients.person(request.actor) : request.capacity;
        // What was denied by the other name is refused by the directive to that name.
        bool byOther = reason == Reason.DeniedToCapacity && facts.asked & facts.otherwiseDenied != 0;
        if (byOther) recipient = _otherName(request);
        return _idNow(request.patient, recipient.forPurpose(request.purpose));
    }

    function _idNow(address patient, Scope scope) private view returns (DirectiveId) {
        return _directiveId(patient, scope, _directives[_key(patient, scope)].version());
    }

    function _contains(uint32 purposes, Purpose purpose) private pure returns (bool) {
        return purposes & (uint32(1) << uint8(purpose)) != 0;
    }

    function _purposeOf(Scope scope) private pure returns (Purpose) {
        if (!scope.isKnown()) revert Errors.ConsentRegistry_BadScope(scope);
        return Purpose(scope.purpose());
    }

    function _key(address patient, Scope scope) private pure returns (bytes32) {
        return keccak256(abi.encode(patient, scope));
    }

    function _directiveId(address patient, Scope scope, uint40 version) private view returns (DirectiveId) {
        return DirectiveId.wrap(keccak256(abi.encode(block.chainid, address(this), patient, scope, version)));
    }

    function _policyKey(address custodian, Jurisdiction jurisdiction, Purpose purpose) private pure returns (bytes32) {
        return keccak256(abi.encode(custodian, jurisdiction, purpose));
    }

    /* VIEWS */

    /// @inheritdoc IConsentRegistry
    function directiveOf(
        address patient,
        Scope scope
    ) external view returns (DirectiveId directiveId, Directive memory directive) {
        directive = _directives[_key(patient, scope)].read();
        directiveId = _directiveId(patient, scope, directive.version);
    }

    /// @inheritdoc IConsentRegistry
    function limitsOf(address patient, Scope scope) external view returns (bytes32) {
        bytes32 key = _key(patient, scope);
        return _directives[key].flags() & DirectiveWords.LIMITED != 0 ? _receipts[key] : bytes32(0);
    }

    /// @inheritdoc IConsentRegistry
    function standingOf(address patient) external view returns (StandingDenial memory) {
        return _standing[patient];
    }

    /// @inheritdoc IConsentRegistry
    function policyOf(
        address custodian,
        Jurisdiction jurisdiction,
        Purpose purpose
    ) external view returns (BasePolicy memory) {
        return _policies[_policyKey(custodian, jurisdiction, purpose)];
    }
}
