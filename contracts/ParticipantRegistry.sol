// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Control} from "./abstracts/Control.sol";
import {Module} from "./abstracts/Module.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {Errors} from "./libraries/Errors.sol";
import {ParticipantTypes} from "./libraries/ParticipantTypes.sol";
import {
    Accreditation,
    Act,
    Affiliation,
    AffiliationId,
    AffiliationTerms,
    Capacity,
    Credential,
    CredentialId,
    CredentialStatus,
    CredentialTerms,
    EncryptionKey,
    Held,
    HeldStatus,
    HeldTerms,
    Jurisdiction,
    PartnerNo,
    Role,
    StatusReason,
    Will
} from "./types/Participants.sol";

/// @title ParticipantRegistry
/// @notice Who is who: credentials, affiliations, encryption keys, accounts held for people without keys, and lost keys.
contract ParticipantRegistry is Control {
    /* CONSTANTS */

    /// @notice Notice before an accreditor's credentials stop counting: seven days.
    uint40 public constant DISMISSAL_NOTICE = 7 days;
    /// @dev A credential or affiliation runs for ten years at most.
    uint40 private constant MAX_TERM = 3650 days;

    /* STORAGE */

    uint32 private _partners;
    mapping(address subject => PartnerNo) private _partnerNos;
    mapping(PartnerNo partnerNo => address subject) private _partnerOf;
    mapping(bytes32 issuerRoleJurisdiction => Accreditation) private _accreditations;
    mapping(CredentialId credentialId => Credential) private _credentials;
    mapping(AffiliationId affiliationId => Affiliation) private _affiliations;
    mapping(address subject => EncryptionKey) private _encryptionKeys;
    mapping(address subject => Held) private _held;

    /* CONSTRUCTOR */

    constructor(address manager, address forwarder) Module(manager, forwarder, "CareLedger ParticipantRegistry") {}

    /* ACCREDITORS (GOVERNANCE) */

    /// @inheritdoc IParticipantRegistry
    function admitAccreditor(
        address issuer,
        Role role,
        Jurisdiction jurisdiction,
        uint40 from,
        uint40 until
    ) external restricted {
        _requireOpen();
        Accreditation storage accreditation = _accreditations[_accreditationKey(issuer, role, jurisdiction)];
        if (issuer == address(0) || role == Role.None) revert Errors.ParticipantRegistry_Missing();
        bool later = block.timestamp < accreditation.until && from > accreditation.from;
        if (later || until <= from || until <= block.timestamp || until < accreditation.until) {
            revert Errors.ParticipantRegistry_BadWindow(from, until, type(uint40).max);
        }

        accreditation.from = from;
        accreditation.until = until;

        emit AccreditorAdmitted(issuer, role, jurisdiction, from, until);
    }

    /// @inheritdoc IParticipantRegistry
    function dismissAccreditor(
        address issuer,
        Role role,
        Jurisdiction jurisdiction,
        uint40 until,
        StatusReason reason
    ) external restricted {
        Accreditation storage accreditation = _accreditations[_accreditationKey(issuer, role, jurisdiction)];
        uint40 oldUntil = accreditation.until;
        if (reason == StatusReason.None) revert Errors.ParticipantRegistry_Missing();
        if (until < block.timestamp + DISMISSAL_NOTICE || until >= oldUntil) {
            revert Errors.ParticipantRegistry_BadWindow(uint40(block.timestamp + DISMISSAL_NOTICE), until, oldUntil);
        }

        accreditation.until = until;

        emit AccreditorDismissed(issuer, role, jurisdiction, oldUntil, until, reason);
    }

    /* CREDENTIALS */

    /// @inheritdoc IParticipantRegistry
    function issueCredential(
        CredentialTerms calldata terms,
        bytes calldata issuerSignature,
        bytes calldata subjectSignature
    ) external returns (CredentialId credentialId) {
        _requireOpen();
        credentialId = _credentialId(terms.subject, terms.role, terms.jurisdiction);
        Credential storage credential = _credentials[credentialId];
        address previous = credential.issuer;
        _requireIssuable(credential, terms);
        bytes32 structHash = ParticipantTypes.hash(terms);
        _requireAgreed(terms.issuer, structHash, terms.deadline, issuerSignature);
        _requireAgreed(terms.subject, structHash, terms.deadline, subjectSignature);

        credential.issuer = terms.issuer;
        credential.notBefore = terms.notBefore;
        credential.expiresAt = terms.expiresAt;
        credential.status = CredentialStatus.Active;

        _report(credentialId, terms, previous);
        _number(terms.subject);
    }

    /// @inheritdoc IParticipantRegistry
    function renewCredential(
        address subject,
        Role role,
        Jurisdiction jurisdiction,
        uint40 expiresAt,
        bytes32 evidence
    ) external {
        _requireOpen();
        CredentialId credentialId = _credentialId(subject, role, jurisdiction);
        Credential storage credential = _credentials[credentialId];
        uint40 oldExpiresAt = credential.expiresAt;
        _requireController(credential.issuer);
        if (credential.status != CredentialStatus.Active) {
            revert Errors.ParticipantRegistry_BadTransition(credential.status, CredentialStatus.Active);
        }
        if (!_isAdmitted(credential.issuer, role, jurisdiction)) {
            revert Errors.ParticipantRegistry_NotAccreditor(credential.issuer, role, jurisdiction);
        }
        if (block.timestamp >= oldExpiresAt || expiresAt <= oldExpiresAt || expiresAt > block.timestamp + MAX_TERM) {
            revert Errors.ParticipantRegistry_BadWindow(oldExpiresAt, expiresAt, uint40(block.timestamp + MAX_TERM));
        }

        credential.expiresAt = expiresAt;

        emit CredentialRenewed(credentialId, credential.issuer, oldExpiresAt, expiresAt, evidence);
    }

    /// @inheritdoc IParticipantRegistry
    function setCredentialStatus(
        address subject,
        Role role,
        Jurisdiction jurisdiction,
        CredentialStatus status,
        StatusReason reason
    ) external {
        CredentialId credentialId = _credentialId(subject, role, jurisdiction);
        Credential storage credential = _credentials[credentialId];
        CredentialStatus old = credential.status;
        _requireController(credential.issuer);
        if (reason == StatusReason.None) revert Errors.ParticipantRegistry_Missing();
        bool live = old == CredentialStatus.Active || old == CredentialStatus.Suspended;
        if (!live || old == status || status == CredentialStatus.None) {
            revert Errors.ParticipantRegistry_BadTransition(old, status);
        }

        credential.status = status;
        // A later start is what new terms must show; without this, those of a revoked credential could be carried again.
        if (status == CredentialStatus.Revoked) credential.notBefore = _later(credential.notBefore);

        emit CredentialStatusChanged(credentialId, credential.issuer, old, status, reason);
    }

    /* AFFILIATIONS */

    /// @inheritdoc IParticipantRegistry
    function affiliate(
        AffiliationTerms calldata terms,
        bytes calldata organisationSignature,
        bytes calldata practitionerSignature
    ) external returns (AffiliationId affiliationId) {
        _requireOpen();
        affiliationId = _affiliationId(terms.organisation, terms.practitioner);
        Affiliation storage affiliation = _affiliations[affiliationId];
        _requireWindow(terms.since, terms.until);
        if (affiliation.until != 0 && (terms.since <= affiliation.until || block.timestamp < affiliation.until)) {
            revert Errors.ParticipantRegistry_TermsUsed(terms.since, affiliation.until);
        }
        bytes32 structHash = ParticipantTypes.hash(terms);
        _requireAgreed(terms.organisation, structHash, terms.deadline, organisationSignature);
        _requireAgreed(terms.practitioner, structHash, terms.deadline, practitionerSignature);

        affiliation.since = terms.since;
        affiliation.until = terms.until;

        emit AffiliationStarted(affiliationId, terms.organisation, terms.practitioner, terms.since, terms.until);
    }

    /// @inheritdoc IParticipantRegistry
    function endAffiliation(address organisation, address practitioner, StatusReason reason) external {
        AffiliationId affiliationId = _affiliationId(organisation, practitioner);
        Affiliation storage affiliation = _affiliations[affiliationId];
        uint40 oldUntil = affiliation.until;
        if (_caller() != controllerOf(practitioner)) _requireController(organisation);
        if (reason == StatusReason.None) revert Errors.ParticipantRegistry_Missing();
        if (oldUntil <= block.timestamp) revert Errors.ParticipantRegistry_NotAffiliated(organisation, practitioner);

        // Not earlier than its start, so that the same terms cannot be carried again.
        uint40 newUntil = affiliation.since > block.timestamp ? affiliation.since : uint40(block.timestamp);
        affiliation.until = newUntil;

        emit AffiliationEnded(affiliationId, _caller(), oldUntil, newUntil, reason);
    }

    /* ENCRYPTION KEYS */

    /// @inheritdoc IParticipantRegistry
    function publishKey(address subject, uint16 suite, bytes calldata key) external {
        _requireController(subject);
        _publishKey(subject, suite, key);
    }

    /// @inheritdoc IParticipantRegistry
    function publishKeySigned(
        address subject,
        uint16 suite,
        bytes calldata key,
        uint40 deadline,
        bytes calldata signature
    ) external {
        uint32 epoch = _encryptionKeys[subject].epoch + 1;
        bytes32 structHash = ParticipantTypes.hashKey(subject, suite, keccak256(key), epoch, deadline);
        _requireSigned(controllerOf(subject), structHash, deadline, signature);
        _publishKey(subject, suite, key);
    }

    /* HELD ACCOUNTS */

    /// @inheritdoc IParticipantRegistry
    function openHeld(HeldTerms calldata terms, Act calldata act) external returns (address subject) {
        _requireOpen();
        subject = heldAddress(terms);
        _requireController(terms.steward);
        _requireAct(act);
        if (terms.claimKey == address(0)) revert Errors.ParticipantRegistry_Missing();
        _requireSteward(terms.steward, terms.jurisdiction);
        if (_held[subject].status != HeldStatus.None) revert Errors.ParticipantRegistry_AlreadyHeld(subject);

        _held[subject] = Held({
            steward: terms.steward,
            jurisdiction: terms.jurisdiction,
            openedAt: uint40(block.timestamp),
            status: HeldStatus.Open,
            provisional: terms.provisional
        });

        emit HeldAccountOpened(
            subject,
            terms.steward,
            terms.jurisdiction,
            terms.provisional,
            act.will,
            act.evidence
        );
    }

    /// @inheritdoc IParticipantRegistry
    function claimHeld(
        HeldTerms calldata terms,
        address controller,
        uint40 deadline,
        bytes calldata signature
    ) external {
        address subject = heldAddress(terms);
        Held storage held = _held[subject];
        if (held.status != HeldStatus.Open && held.status != HeldStatus.Closed) {
            revert Errors.ParticipantRegistry_NotHeld(subject);
        }
        if (controller == address(0) || controller == subject) revert Errors.ParticipantRegistry_Missing();
        bytes32 structHash = ParticipantTypes.hashClaim(subject, controller, deadline);
        _requireAgreed(terms.claimKey, structHash, deadline, signature);

        held.status = HeldStatus.Claimed;

        emit HeldAccountClaimed(subject, held.steward, controller);
        _setController(subject, controller, true);
    }

    /// @inheritdoc IParticipantRegistry
    function closeProvisional(address subject, bytes32 link, Act calldata act) external {
        Held storage held = _open(subject);
        _requireController(held.steward);
        _requireSteward(held.steward, held.jurisdiction);
        _requireAct(act);
        if (!held.provisional) revert Errors.ParticipantRegistry_NotHeld(subject);
        if (link == bytes32(0)) revert Errors.ParticipantRegistry_Missing();

        held.status = HeldStatus.Closed;

        emit HeldAccountClosed(subject, held.steward, link, act.will, act.evidence);
    }

    /* INTERNAL */

    function _requireSteward(address steward, Jurisdiction jurisdiction) private view {
        if (!isActive(steward, Role.Steward, jurisdiction)) {
            revert Errors.ParticipantRegistry_NotActive(steward, Role.Steward, jurisdiction);
        }
    }

    function _requireIssuable(Credential storage credential, CredentialTerms calldata terms) private view {
        bool named = terms.subject != address(0) && terms.subject != terms.issuer;
        if (!named || terms.role == Role.None || terms.evidence == bytes32(0)) {
            revert Errors.ParticipantRegistry_Missing();
        }
        _requireWindow(terms.notBefore, terms.expiresAt);
        if (!_isAdmitted(terms.issuer, terms.role, terms.jurisdiction)) {
            revert Errors.ParticipantRegistry_NotAccreditor(terms.issuer, terms.role, terms.jurisdiction);
        }
        CredentialStatus status = credential.status;
        if (status == CredentialStatus.None) return;
        bool inPlace = status != CredentialStatus.Revoked &&
            block.timestamp < credential.expiresAt &&
            _isAdmitted(credential.issuer, terms.role, terms.jurisdiction);
        if (inPlace) revert Errors.ParticipantRegistry_CredentialLive(credential.issuer, credential.expiresAt);
        if (terms.notBefore <= credential.notBefore) {
            revert Errors.ParticipantRegistry_TermsUsed(terms.notBefore, credential.notBefore);
        }
    }

    function _requireWindow(uint40 from, uint40 until) private view {
        uint256 latest = block.timestamp + MAX_TERM;
        if (until <= from || until <= block.timestamp || until > latest) {
            revert Errors.ParticipantRegistry_BadWindow(from, until, uint40(latest));
        }
    }

    function _requireAct(Act calldata act) private pure {
        if (act.will == Will.None || act.evidence == bytes32(0)) revert Errors.ParticipantRegistry_Missing();
    }

    function _open(address subject) private view returns (Held storage held) {
        held = _held[subject];
        if (held.status != HeldStatus.Open) revert Errors.ParticipantRegistry_NotHeld(subject);
    }

    function _publishKey(address subject, uint16 suite, bytes calldata key) private {
        _requireOpen();
        if (!(suite == 1 && key.length == 32) && !(suite == 2 && key.length == 1216)) {
            revert Errors.ParticipantRegistry_BadKey(suite, key.length);
        }

        uint32 epoch = _encryptionKeys[subject].epoch + 1;
        _encryptionKeys[subject] = EncryptionKey({keyHash: keccak256(key), suite: suite, epoch: epoch});

        emit EncryptionKeyPublished(subject, epoch, suite, key);
    }

    function _report(CredentialId credentialId, CredentialTerms calldata terms, address previous) private {
        emit CredentialIssued(
            credentialId,
            terms.subject,
            terms.issuer,
            terms.role,
            terms.jurisdiction,
            terms.notBefore,
            terms.expiresAt,
            terms.evidence,
            previous
        );
    }

    function _number(address subject) private {
        if (PartnerNo.unwrap(_partnerNos[subject]) != 0) return;
        PartnerNo number = PartnerNo.wrap(++_partners);
        _partnerNos[subject] = number;
        _partnerOf[number] = subject;
        emit PartnerNumbered(number, subject);
    }

    function _later(uint40 notBefore) private view returns (uint40) {
        return notBefore > block.timestamp ? notBefore : uint40(block.timestamp);
    }

    function _isAdmitted(
        address issuer,
        Role role,
        Jurisdiction jurisdiction
    ) internal view override returns (bool) {
        Accreditation storage accreditation = _accreditations[_accreditationKey(issuer, role, jurisdiction)];
        return block.timestamp >= accreditation.from && block.timestamp < accreditation.until;
    }

    function _accreditationKey(address issuer, Role role, Jurisdiction jurisdiction) private pure returns (bytes32) {
        return keccak256(abi.encode(issuer, role, jurisdiction));
    }

    function _credentialId(address subject, Role role, Jurisdiction jurisdiction) private view returns (CredentialId) {
        return CredentialId.wrap(keccak256(abi.encode(block.chainid, address(this), subject, role, jurisdiction)));
    }

    function _affiliationId(address organisation, address practitioner) private view returns (AffiliationId) {
        return AffiliationId.wrap(keccak256(abi.encode(block.chainid, address(this), organisation, practitioner)));
    }

    /* VIEWS */

    /// @inheritdoc IParticipantRegistry
    function capacityOf(address subject, address actor) external view returns (Capacity) {
        if (actor == controllerOf(subject)) return Capacity.Self;
        Held storage held = _held[subject];
        if (
            held.status == HeldStatus.Open &&
            actor == controllerOf(held.steward) &&
            isActive(held.steward, Role.Steward, held.jurisdiction)
        ) return Capacity.Steward;
        return Capacity.None;
    }

    /// @inheritdoc IParticipantRegistry
    function isActive(address subject, Role role, Jurisdiction jurisdiction) public view returns (bool) {
        Credential storage credential = _credentials[_credentialId(subject, role, jurisdiction)];
        return
            credential.status == CredentialStatus.Active &&
            block.timestamp >= credential.notBefore &&
            block.timestamp < credential.expiresAt &&
            _isAdmitted(credential.issuer, role, jurisdiction);
    }

    /// @inheritdoc IParticipantRegistry
    function isAffiliated(address organisation, address practitioner) external view returns (bool) {
        Affiliation storage affiliation = _affiliations[_affiliationId(organisation, practitioner)];
        return block.timestamp >= affiliation.since && block.timestamp < affiliation.until;
    }

    /// @inheritdoc IParticipantRegistry
    function credentialOf(
        address subject,
        Role role,
        Jurisdiction jurisdiction
    ) external view returns (CredentialId credentialId, Credential memory credential) {
        credentialId = _credentialId(subject, role, jurisdiction);
        credential = _credentials[credentialId];
    }

    /// @inheritdoc IParticipantRegistry
    function accreditationOf(
        address issuer,
        Role role,
        Jurisdiction jurisdiction
    ) external view returns (Accreditation memory) {
        return _accreditations[_accreditationKey(issuer, role, jurisdiction)];
    }

    /// @inheritdoc IParticipantRegistry
    function affiliationOf(
        address organisation,
        address practitioner
    ) external view returns (AffiliationId affiliationId, Affiliation memory affiliation) {
        affiliationId = _affiliationId(organisation, practitioner);
        affiliation = _affiliations[affiliationId];
    }

    /// @inheritdoc IParticipantRegistry
    function partnerNoOf(address subject) external view returns (PartnerNo) {
        return _partnerNos[subject];
    }

    /// @inheritdoc IParticipantRegistry
    function partnerOf(PartnerNo partnerNo) external view returns (address) {
        return _partnerOf[partnerNo];
    }

    /// @inheritdoc IParticipantRegistry
    function encryptionKeyOf(address subject) external view returns (EncryptionKey memory) {
        return _encryptionKeys[subject];
    }

    /// @inheritdoc IParticipantRegistry
    function heldOf(address subject) external view returns (Held memory) {
        return _held[subject];
    }

    /// @inheritdoc IParticipantRegistry
    function heldAddress(HeldTerms calldata terms) public view returns (address) {
        return address(uint160(uint256(ParticipantTypes.hash(terms, block.chainid, address(this)))));
    }

}
