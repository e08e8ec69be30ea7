// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    Answer,
    BasePolicy,
    ConsentReason,
    Directive,
    DirectiveId,
    DirectiveWord,
    GrantTerms,
    Purpose,
    Request,
    Rule,
    Scope,
    StandingDenial
} from "../types/Consents.sol";
import {Act, Capacity, Jurisdiction, Role, Will} from "../types/Participants.sol";

/// @title IConsentRegistry
/// @notice Who may read what, for what: a patient's directives and standing denials.
/// @dev Denial beats permission. Nobody can grant, widen or lift a denial against the patient's word; nothing here can be
/// paused; revoking needs no capacity, no forwarder and no open contract. Three doors lead to each act of a patient:
/// its own call, its signature carried by anyone, and a steward or guardian acting *for* it, who says on what will.
/// Assumed: a steward or guardian acts on the will it states; a custodian asks
/// {decide} before it releases anything, with the true author and period of the record.
interface IConsentRegistry {
    /* EVENTS */

    /// @notice A directive is in force; `word` is the slot as it is stored now (see {DirectiveWord}), version included.
    event DirectiveGranted(
        DirectiveId indexed directiveId,
        address indexed patient,
        Scope indexed scope,
        DirectiveWord word,
        bytes32 receipt
    );
    event DirectiveRevoked(
        DirectiveId indexed directiveId,
        address indexed patient,
        Scope indexed scope,
        uint40 version,
        ConsentReason reason
    );
    event StandingDenialSet(
        address indexed patient,
        uint40 indexed version,
        uint64 oldDenied,
        uint64 newDenied,
        uint64 oldEmergencyDenied,
        uint64 newEmergencyDenied
    );
    /// @notice The act just reported was done for the patient by somebody else.
    event ActedFor(
        address indexed patient,
        address indexed actor,
        Capacity indexed capacity,
        Will will,
        bytes32 evidence
    );
    event BasePolicyStated(
        address indexed custodian,
        Jurisdiction indexed jurisdiction,
        Purpose indexed purpose,
        Rule oldRule,
        Rule newRule,
        uint64 classes,
        uint32 roles,
        bytes32 legalReference
    );

    /* DIRECTIVES */

    /// @notice The patient lets a recipient read classes of data for a purpose, until a day.
    /// @dev Emits {DirectiveGranted}. The one before is superseded. Limits are opened in questions, from the receipt.
    /// Requirements: The caller controls the patient. The terms name the version in force and known classes; the window
    /// ends after it starts and in the future. The recipient's credential is checked by {decide}, not here.
    /// Warning: Recipient, purpose and classes are public. Grant by fixed profiles, keep finer limits in the receipt.
    function grant(GrantTerms calldata terms) external;

    /// @notice {grant} by signature, carried by anyone: ConsentGrant, all terms in words.
    function grantSigned(
        bytes calldata signature,
        GrantTerms calldata terms,
        uint40 deadline
    ) external;

    /// @notice {grant} by a steward, or by a guardian for this purpose.
    /// @dev Emits {ActedFor} as well. For a held account, also a closed one, nobody grants to its steward, whoever is under the
    /// steward's key, its affiliates, itself or a role but for TREAT, HPAYMT and COVERAGE.
    function grantFor(GrantTerms calldata terms, Act calldata act) external;

    /// @notice Ends a directive, so that nobody may read under it again; also any grant signed for it and not yet carried.
    /// @dev Emits {DirectiveRevoked}. Open even when retired. Reading already done is not undone.
    function revoke(address patient, Scope scope, ConsentReason reason) external;

    /// @notice {revoke} by signature: ConsentRevocation, naming the version it ends.
    function revokeSigned(
        address patient,
        Scope scope,
        ConsentReason reason,
        uint40 version,
        uint40 deadline,
        bytes calldata signature
    ) external;

    /// @notice {revoke} by a steward, or by a guardian for this purpose.
    function revokeFor(
        address patient,
        Scope scope,
        ConsentReason reason,
        Act calldata act
    ) external;

    /* STANDING DENIALS */

    /// @notice Denies classes to everybody, and to everybody even in an emergency; no expiry.
    /// @dev Emits {StandingDenialSet}. Open even when retired.
    function deny(address patient, uint64 denied, uint64 emergencyDenied) external;

    /// @notice {deny} by signature: StandingDenial, naming the version it replaces.
    function denySigned(
        address patient,
        uint64 denied,
        uint64 emergencyDenied,
        uint40 version,
        uint40 deadline,
        bytes calldata signature
    ) external;

    /// @notice {deny} by a steward or guardian, who can add to a denial and never lift one.
    /// @dev What adds nothing is refused: it would only make stale what the patient signed meanwhile.
    function denyFor(address patient, uint64 denied, uint64 emergencyDenied, Act calldata act) external;

    /* BASE POLICY */

    /// @notice A custodian states what holds for accredited actors of a jurisdiction where the patient has said nothing.
    /// @dev Emits {BasePolicyStated}. Requirements: The caller controls the custodian. A rule that permits is stated only while
    /// it is active there as custodian or provider; one that closes, always. A policy stands until another is stated.
    /// @param legalReference keccak256 of the legal text's citation, which is public.
    function statePolicy(
        address custodian,
        Role custodianRole,
        Jurisdiction jurisdiction,
        Purpose purpose,
        Rule rule,
        uint64 classes,
        uint32 roles,
        bytes32 legalReference
    ) external;

    /* DECISION */

    /// @notice Whether an actor may read classes of a patient's data for a purpose, why, on what basis, and how much.
    /// @dev Reads, at the most: one slot of standing denials, one for the actor as a person, one for the capacity, one for its
    /// other name, three of the participant registry: seven. A limited directive adds one each, a base policy one, emergency treatment one, and
    /// for family and power-of-attorney purposes the patient's account and a guardian's line of up to three.
    /// Denial beats permission.
    function decide(Request calldata request) external view returns (Answer memory);

    /* VIEWS */

    /// @notice The directive of a patient for a recipient and purpose (see {Scope}).
    function directiveOf(address patient, Scope scope) external view returns (DirectiveId, Directive memory);

    /// @notice The receipt that a question has to open for a limited directive; zero = not limited.
    function limitsOf(address patient, Scope scope) external view returns (bytes32);

    /// @notice What the patient denies to everybody.
    function standingOf(address patient) external view returns (StandingDenial memory);

    /// @notice What holds without a directive.
    function policyOf(
        address custodian,
        Jurisdiction jurisdiction,
        Purpose purpose
    ) external view returns (BasePolicy memory);
}
