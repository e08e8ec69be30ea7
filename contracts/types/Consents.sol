// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Basis, Reason, Rule} from "../libraries/Directives.sol";
import {Jurisdiction, Role} from "./Participants.sol";

/// @notice keccak256(chain, contract, patient, scope, version).
type DirectiveId is bytes32;

/// @notice A {Directive} in one word: permits | denies << 64 | notBefore << 128 | expiresAt << 168 | flags << 208 |
/// version << 216.
type DirectiveWord is uint256;

/// @notice Who is meant, in one word: kind << 208 | role << 192 | jurisdiction << 160 | account.
type Recipient is bytes32;

/// @notice To whom and for what, in one word: purpose << 216 | {Recipient}. With the patient it names one directive.
type Scope is bytes32;

/// @notice What a recipient is.
enum RecipientKind {
    None,
    Person, // account
    Organisation, // account; its affiliated practitioners act for it
    Role // role and jurisdiction
}

/// @notice For what: HL7 v3 PurposeOfUse codes (ActReason 2.1), in the order of their bits.
enum Purpose {
    TREAT,
    ETREAT,
    CAREMGT,
    HPAYMT,
    COVERAGE,
    HOPERAT,
    HRESCH,
    CLINTRCH,
    PUBHLTH,
    PATRQT,
    FAMRQT,
    PWATRNY,
    SUPNWK,
    HMARKT,
    HSYSADMIN,
    BIORCH,
    DISASTER,
    THREAT,
    HDM,
    COVAUTH,
    HQUALIMP,
    PATADMIN,
    RECORDMGT,
    HLEGAL
}

/// @notice Why a directive ended.
enum ConsentReason {
    None,
    PatientRequest,
    Superseded,
    GrantedInError,
    RecipientLeft,
    GuardianRequest,
    Deceased
}

/// @notice What a patient agrees to.
struct GrantTerms {
    address patient;
    Scope scope;
    /// @dev Permits, denies, window and version in one word, exactly as it will be stored and reported. The version is one
    /// more than that of the directive it replaces: what makes a signature serve once.
    DirectiveWord word;
    /// @dev Salted commitment to the consent receipt (ISO/IEC TS 27560) that the patient keeps, and to {Limits} in it.
    bytes32 receipt;
}

/// @notice Optional author and data period of a directive, opened only in a question, never on chain.
struct Limits {
    /// @dev Zero = any author.
    address author;
    /// @dev Records about days from, inclusive.
    uint40 dataFrom;
    /// @dev ... until, exclusive; zero = no end.
    uint40 dataUntil;
    /// @dev Salted commitment to the rest of the receipt: the receipt is keccak256 of limits and this.
    bytes32 document;
}

/// @notice A question to {IConsentRegistry-decide}.
struct Request {
    address patient;
    address actor;
    /// @dev As whom the actor asks: the person itself, one organisation, or one role in a jurisdiction.
    Recipient capacity;
    /// @dev For an organisation: what it is accredited as, and where.
    Role organisationRole;
    Jurisdiction jurisdiction;
    /// @dev Whose base policy holds; zero = none.
    address custodian;
    Purpose purpose;
    /// @dev All of these or nothing.
    uint64 classes;
    /// @dev Who wrote what is asked for, and the period it is about. Zeros = not said.
    address author;
    uint40 dataFrom;
    uint40 dataUntil;
    /// @dev Openings of the limits of the directive for the person and of that for the capacity.
    Limits personLimits;
    Limits capacityLimits;
}

/// @notice The answer.
struct Answer {
    bool allowed;
    Reason reason;
    Basis basis;
    /// @dev What of the request may be read under this basis.
    uint64 grantedClasses;
    /// @dev The directive it rests on, if it rests on one.
    DirectiveId directiveId;
}

/// @notice One directive, unpacked from its {DirectiveWord}.
struct Directive {
    /// @dev Classes permitted.
    uint64 permits;
    /// @dev Exceptions from `permits` and from the base policy.
    uint64 denies;
    /// @dev First second of validity.
    uint40 notBefore;
    /// @dev First second after it.
    uint40 expiresAt;
    /// @dev Bit 0 revoked, bit 1 limited.
    uint8 flags;
    /// @dev Raised by every grant and revocation; never falls.
    uint40 version;
}

/// @notice What the patient denies to everybody. Slot 0.
struct StandingDenial {
    uint64 denied;
    uint64 emergencyDenied;
    uint40 version;
}

/// @notice What holds without a directive. Slot 0.
struct BasePolicy {
    Rule rule;
    uint64 classes;
    /// @dev Bit set of {Role}: in which of them an actor has to ask for the policy to speak.
    uint32 roles;
    uint40 since;
}
