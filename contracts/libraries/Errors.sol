// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Purpose, Recipient, Scope} from "../types/Consents.sol";
import {EmergencyReason} from "../types/Emergencies.sol";
import {CredentialStatus, Jurisdiction, Role} from "../types/Participants.sol";
import {RecordId, RecordStatus} from "../types/Records.sol";

/// @title Errors
/// @notice Every refusal of the suite: what was wrong, the offending value, and what to do about it.
library Errors {
    /* MODULE */

    /// @notice Thrown when a new entry is made in a contract that has been retired.
    /// @custom:fix Use the successor named in the suite directory; everything already here can still be ended.
    error Module_Retired(address module);
    /// @notice Thrown when a signed act is carried to the chain after its deadline.
    /// @custom:fix Ask the signer to sign again with a later deadline.
    error Module_SignatureExpired(uint40 deadline, uint256 time);
    /// @notice Thrown when a signature is not by the account whose act it is said to be.
    /// @custom:fix Check that the signer is the controller of now, and that chain, contract and every term are as signed.
    error Module_NotSignedBy(address signer);

    /* SUITE DIRECTORY */

    /// @notice Thrown when an address is listed that holds no code.
    /// @custom:fix Deploy the contract first, then list it.
    error SuiteDirectory_NoCode(address at);
    /// @notice Thrown when an address is listed a second time.
    /// @custom:fix Nothing to do; read the listing it has.
    error SuiteDirectory_AlreadyListed(address at);
    /// @notice Thrown when a listing claims to have been created in a block that is yet to come.
    /// @custom:fix Give the block of the deployment's receipt.
    error SuiteDirectory_ImpossibleBlock(uint64 createdAtBlock, uint256 notAfter);
    /// @notice Thrown when asking for a contract that the suite does not list.
    /// @custom:fix Compare the name or address with the suite's listings.
    error SuiteDirectory_NotListed(address at);
    /// @notice Thrown when a listing is ended or succeeded a second time.
    /// @custom:fix Nothing to do; the first statement stands.
    error SuiteDirectory_AlreadyEnded(address at);

    /* PARTICIPANT REGISTRY */

    /// @notice Thrown when somebody acts for a subject whose controller is another account.
    /// @custom:fix Let the controller act, or carry its signature.
    error ParticipantRegistry_NotController(address subject, address caller, address controller);
    /// @notice Thrown when a window of time is empty, over, or longer than allowed.
    /// @custom:fix Choose a start before its end, an end in the future, and no longer than the limit.
    error ParticipantRegistry_BadWindow(uint40 from, uint40 until, uint40 latest);
    /// @notice Thrown when an account that is not an admitted accreditor for this role and jurisdiction issues or endorses.
    /// @custom:fix Ask governance to admit it, or use the accreditor of this role and jurisdiction.
    error ParticipantRegistry_NotAccreditor(address issuer, Role role, Jurisdiction jurisdiction);
    /// @notice Thrown when a credential or affiliation does not start after the one before it ended: terms serve once.
    /// @custom:fix Sign new terms that start later than the time given.
    error ParticipantRegistry_TermsUsed(uint40 start, uint40 mustBeAfter);
    /// @notice Thrown when a live credential of another issuer would be replaced.
    /// @custom:fix Only its issuer changes a live or suspended credential; wait until it ends or is revoked.
    error ParticipantRegistry_CredentialLive(address issuer, uint40 expiresAt);
    /// @notice Thrown when a credential cannot go from its status to the one asked for.
    /// @custom:fix Suspended can be resumed or revoked, active suspended or revoked; revoked is final.
    error ParticipantRegistry_BadTransition(CredentialStatus from, CredentialStatus to);
    /// @notice Thrown when an act is given without its code, commitment or address.
    /// @custom:fix Give a role, reason, will, evidence or address that is not zero.
    error ParticipantRegistry_Missing();
    /// @notice Thrown when an account lacks the active credential that an act needs.
    /// @custom:fix Ask an accreditor of this role and jurisdiction for a credential, or renew it.
    error ParticipantRegistry_NotActive(address subject, Role role, Jurisdiction jurisdiction);
    /// @notice Thrown when an affiliation is ended that is not there.
    /// @custom:fix Nothing to do.
    error ParticipantRegistry_NotAffiliated(address organisation, address practitioner);
    /// @notice Thrown when a held account is not open.
    /// @custom:fix A claimed account belongs to its patient, a closed one to nobody; open another or ask its patient.
    error ParticipantRegistry_NotHeld(address subject);
    /// @notice Thrown when a held account is opened a second time.
    /// @custom:fix Use a fresh salt.
    error ParticipantRegistry_AlreadyHeld(address subject);
    /// @notice Thrown when an encryption key has not the length of its suite, or the suite is unknown.
    /// @custom:fix 32 bytes for suite 1 (X25519), 1216 for suite 2 (MLKEM768-X25519).
    error ParticipantRegistry_BadKey(uint16 suite, uint256 length);
    /// @notice Thrown when guardian terms are impossible.
    /// @custom:fix 1 <= quorum <= larger quorum <= 16 and a wait between one and ninety days.
    error ParticipantRegistry_BadGuardianTerms(uint8 quorum, uint8 largerQuorum, uint32 waitSeconds);
    /// @notice Thrown when the guardian terms shown are not those in force for the subject or the proposal.
    /// @custom:fix Use the terms that were in force when the recovery was first approved.
    error ParticipantRegistry_NotTheGuardians(address subject, bytes32 expected);
    /// @notice Thrown when a guardian's proof does not lead to the root.
    /// @custom:fix Check index, salt and path.
    error ParticipantRegistry_NotAGuardian(address guardian, uint8 index);
    /// @notice Thrown when a guardian approves, an owner objects or an accreditor endorses twice.
    /// @custom:fix Nothing to do; the first stands.
    error ParticipantRegistry_AlreadyDone(RecoveryStep step);
    /// @notice Thrown when a recovery lacks approvals, has to wait longer, or was proposed before another one succeeded.
    /// @custom:fix Wait until `readyAt` with `needed` approvals; zero `readyAt` means it has lapsed or is void.
    error ParticipantRegistry_NotReady(uint8 approvals, uint8 needed, uint40 readyAt);

    /// @notice What was done already.
    enum RecoveryStep {
        Approval,
        Objection,
        Endorsement
    }

    /* GUARDIAN REGISTRY */

    /// @notice Thrown when an account appoints, delegates or ends a guardianship without authority over the patient.
    /// @custom:fix The patient's controller or steward, or a guardian within what it has, can.
    error GuardianRegistry_NotAuthorised(address patient, address caller);
    /// @notice Thrown when the version named is not the one in force: the terms were used or overtaken.
    /// @custom:fix Read the guardianship again and sign for its version of now.
    error GuardianRegistry_StaleVersion(uint16 named, uint16 current);
    /// @notice Thrown when an act is given without its will, evidence or guardian.
    /// @custom:fix Give a will, evidence or guardian that is not zero and not the patient.
    error GuardianRegistry_Missing();
    /// @notice Thrown when a held account is to get its steward, or whoever is the steward's own, as a guardian.
    /// @custom:fix Appoint somebody who is neither the steward's affiliate nor under its key.
    error GuardianRegistry_StewardLimit(address steward, address guardian);
    /// @notice Thrown when guardianship reaches further in purposes, time or depth than its appointer may give.
    /// @custom:fix At most a year at a time; a delegate gives no more than it has, and one level less.
    error GuardianRegistry_BadGuardianship(uint32 purposes, uint40 until, uint8 depth);

    /* CONSENT REGISTRY */

    /// @notice Thrown when an account acts for a patient without authority over that account for this purpose.
    /// @custom:fix The patient's controller, its steward, or a guardian for this purpose can act.
    error ConsentRegistry_NotAuthorised(address patient, address caller);
    /// @notice Thrown when a scope names no known purpose, or its recipient is malformed.
    /// @custom:fix A person or organisation has an account and nothing else; a role has role and jurisdiction and no account.
    error ConsentRegistry_BadScope(Scope scope);
    /// @notice Thrown when a directive names no class, or one this release does not know.
    /// @custom:fix Name classes from the list of this release.
    error ConsentRegistry_BadClasses(uint64 permits, uint64 denies, uint64 known);
    /// @notice Thrown when a window is empty or already over.
    /// @custom:fix Choose an end after the start and in the future.
    error ConsentRegistry_BadWindow(uint40 notBefore, uint40 expiresAt, uint256 time);
    /// @notice Thrown when the version named is not the one expected: the terms were used, revoked, or overtaken.
    /// @custom:fix Read the directive again and sign for the version expected.
    error ConsentRegistry_StaleVersion(uint40 named, uint40 expected);
    /// @notice Thrown when a steward would grant to itself, its affiliates or a role for more than treatment and payment.
    /// @custom:fix Ask the patient, once the account is claimed, or a guardian.
    error ConsentRegistry_StewardLimit(address steward, Recipient recipient, Purpose purpose);
    /// @notice Thrown when somebody other than the patient would lift a standing denial.
    /// @custom:fix Only the patient's own act ends a standing denial.
    error ConsentRegistry_OnlyThePatientLifts(uint64 lifted);
    /// @notice Thrown when an act is given without its code or commitment.
    /// @custom:fix Give a reason, will, evidence or address that is not zero.
    error ConsentRegistry_Missing();
    /// @notice Thrown when an account lacks the credential or affiliation that an act needs.
    /// @custom:fix Check credential, affiliation and jurisdiction in the participant registry.
    error ConsentRegistry_NotAccredited(address account, Role role, Jurisdiction jurisdiction);

    /* EMERGENCY REGISTRY */

    /// @notice Thrown when somebody acts for a party whose controller is another account.
    /// @custom:fix Let the controller act.
    error EmergencyRegistry_NotController(address subject, address caller, address controller);
    /// @notice Thrown when an account lacks the credential or affiliation that an act needs.
    /// @custom:fix Check credential, affiliation and jurisdiction in the participant registry.
    error EmergencyRegistry_NotAccredited(address account, Role role, Jurisdiction jurisdiction);
    /// @notice Thrown when an act is given without its code, commitment or address.
    /// @custom:fix Give a reason, verdict, evidence or address that is not zero.
    error EmergencyRegistry_Missing();
    /// @notice Thrown when emergency access is opened while one is open for the same patient and practitioner.
    /// @custom:fix Use the one that is open.
    error EmergencyRegistry_Open(uint40 until);
    /// @notice Thrown when a reason is given again for the same patient before its use was reviewed.
    /// @custom:fix Have the privacy officer review the emergency opened for it; or give the reason that holds now.
    error EmergencyRegistry_ReasonUsed(EmergencyReason reason);
    /// @notice Thrown when an organisation has missed reviews, or a practitioner misused an emergency.
    /// @custom:fix The organisation reviews what is overdue; a practitioner appeals to the accreditor.
    error EmergencyRegistry_Suspended(address who);
    /// @notice Thrown when an emergency is not in the state that an act needs.
    /// @custom:fix Read the emergency: unreviewed can be reviewed; past its deadline marked; judged, appealed once.
    error EmergencyRegistry_State(EmergencyStep step);

    /// @notice What an act found.
    enum EmergencyStep {
        NoneSuch,
        NotDue,
        AlreadyMarked,
        AlreadyJudged,
        NotJudged,
        AlreadyAppealed,
        OwnCase
    }

    /* RECORD REGISTRY */

    /// @notice Thrown when somebody acts for an author or custodian whose controller is another account.
    /// @custom:fix Let the controller act, or carry its signature.
    error RecordRegistry_NotController(address subject, address caller, address controller);
    /// @notice Thrown when a commitment, root, leaf or code is zero.
    /// @custom:fix Commit with a fresh salt; a commitment is never zero.
    error RecordRegistry_Missing();
    /// @notice Thrown when a record or batch is anchored twice.
    /// @custom:fix Nothing to do; the first anchor stands.
    error RecordRegistry_AlreadyAnchored(bytes32 id, uint40 anchoredAt);
    /// @notice Thrown when a record is neither anchored itself nor proved to be in an anchored batch.
    /// @custom:fix Anchor it, or give the batch's root and the leaf's proof.
    error RecordRegistry_NotAnchored(RecordId recordId);
    /// @notice Thrown when a record cannot go from its status to the one asked for.
    /// @custom:fix Only a current record is superseded or marked as error; shredded is final.
    error RecordRegistry_BadTransition(RecordStatus from, RecordStatus to);
    /// @notice Thrown when the entries of a log part do not follow on those anchored.
    /// @custom:fix Start at the number after the last entry anchored.
    error RecordRegistry_BadEntries(uint64 first, uint64 last, uint64 expectedFirst);
    /// @notice Thrown when a log's interval is outside the bounds.
    /// @custom:fix Between one hour and seven days.
    error RecordRegistry_BadInterval(uint32 intervalSeconds);
    /// @notice Thrown when an omission is reported before the custodian's time to anchor is over.
    /// @custom:fix Wait until `dueAt`.
    error RecordRegistry_NotDue(uint256 dueAt);
    /// @notice Thrown when a receipt is signed with a key that its custodian never named.
    /// @custom:fix Accept receipts only from named keys; this one proves nothing.
    error RecordRegistry_NotReceiptKey(address custodian, address key);
    /// @notice Thrown when an omission is reported or answered that is not in the state for it.
    /// @custom:fix Report once; answer only what is open.
    error RecordRegistry_OmissionState(bytes32 receiptHash);
    /// @notice Thrown when a proof does not lead to the anchored root.
    /// @custom:fix Check number, leaf, path and the part of the log.
    error RecordRegistry_BadProof(bytes32 root);
}
