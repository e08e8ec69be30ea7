// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IParticipantRegistry} from "../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantTypes} from "../../contracts/libraries/ParticipantTypes.sol";
import {
    AffiliationTerms,
    Affiliation,
    Credential,
    CredentialStatus,
    CredentialTerms,
    Jurisdiction,
    PartnerNo,
    Role,
    StatusReason
} from "../../contracts/types/Participants.sol";
import {Kit} from "../forge/Kit.sol";

/// @notice Two issuers that come and go, three subjects, two houses; who may do what is told here a second time.
contract AccreditationHandler is Kit {
    uint40 public constant TERM = 3650 days;
    Jurisdiction public constant HERE = Jurisdiction.wrap(756000);
    Role public constant ROLE = Role.Practitioner;
    bytes32 private constant _EVIDENCE = bytes32(uint256(7));

    struct Ghost {
        address issuer;
        uint40 notBefore;
        uint40 expiresAt;
        CredentialStatus status;
        uint32 number;
    }

    struct Window {
        uint40 from;
        uint40 until;
    }

    IParticipantRegistry public participants;
    uint40 public clock = 1_700_000_000;
    uint32 public numbered;
    address[2] public issuers;
    address[3] public subjects;
    address[2] public houses;
    mapping(address account => uint256 key) private _keys;
    mapping(address issuer => Window) public admissions;
    mapping(address subject => Ghost) private _ghosts;
    mapping(address house => mapping(address who => Window)) public works;

    constructor() {
        address manager = deploy("AccessManager", abi.encode(address(this)));
        participants = IParticipantRegistry(deploy("ParticipantRegistry", abi.encode(manager, address(0xF0))));
        issuers = [_account("issuer one"), _account("issuer two")];
        subjects = [_account("subject one"), _account("subject two"), _account("subject three")];
        houses = [_account("house one"), _account("house two")];
        vm.warp(clock);
        admit(0, 0, 3000 days);
    }

    function _account(string memory name) private returns (address account) {
        uint256 key;
        (account, key) = makeAccount(name);
        _keys[account] = key;
    }

    function ghostOf(address subject) external view returns (Ghost memory) {
        return _ghosts[subject];
    }

    function isAdmitted(address issuer) public view returns (bool) {
        return admissions[issuer].from <= clock && clock < admissions[issuer].until;
    }

    function hashOf(CredentialTerms calldata terms) external pure returns (bytes32) {
        return ParticipantTypes.hash(terms);
    }

    function hashOf(AffiliationTerms calldata terms) external pure returns (bytes32) {
        return ParticipantTypes.hash(terms);
    }

    function _sign(address by, bytes32 structHash) private view returns (bytes memory) {
        return signature(_keys[by], typedDigest(address(participants), "ParticipantRegistry", structHash));
    }

    // ---- accreditors ----

    function admit(uint256 by, uint256 from, uint256 length) public {
        address issuer = issuers[by % 2];
        Window memory old = admissions[issuer];
        Window memory next;
        next.from = uint40(clock - 100 + bound(from, 0, 200));
        next.until = uint40(next.from + bound(length, 1, 3000 days));
        bool later = clock < old.until && next.from > old.from;
        bool allowed = !later && next.until > clock && next.until >= old.until;
        bytes memory data = abi.encodeCall(participants.admitAccreditor, (issuer, ROLE, HERE, next.from, next.until));
        attempt(address(this), address(participants), data, allowed, "K-inv8: admitted");
        if (allowed) admissions[issuer] = next;
    }

    function dismiss(uint256 by, uint256 notice, bool governance) external {
        address issuer = issuers[by % 2];
        uint40 until = uint40(clock + bound(notice, 6 days, 9 days));
        bool allowed = governance && until >= clock + 7 days && until < admissions[issuer].until;
        bytes memory data = abi.encodeCall(
            participants.dismissAccreditor,
            (issuer, ROLE, HERE, until, StatusReason.Sanctioned)
        );
        attempt(governance ? address(this) : issuer, address(participants), data, allowed, "K-inv8: dismissed");
        if (allowed) admissions[issuer].until = until;
    }

    // ---- credentials ----

    function _mayIssue(Ghost storage g, CredentialTerms memory terms) private view returns (bool) {
        bool inPlace = g.status != CredentialStatus.Revoked && clock < g.expiresAt && isAdmitted(g.issuer);
        bool free = g.status == CredentialStatus.None || (!inPlace && terms.notBefore > g.notBefore);
        return free && isAdmitted(terms.issuer) && terms.expiresAt > clock && terms.expiresAt <= clock + TERM;
    }

    /// @dev Either side sends, and the other has signed; or somebody else has.
    function issue(uint256 who, uint256 by, uint256 ahead, uint256 length, bool subjectSends, uint8 luck) external {
        bool forged = luck % 8 == 0;
        CredentialTerms memory terms;
        (terms.issuer, terms.subject, terms.role, terms.jurisdiction) = (issuers[by % 2], subjects[who % 3], ROLE, HERE);
        terms.notBefore = uint40(clock - 100 + bound(ahead, 0, 200));
        terms.expiresAt = uint40(terms.notBefore + bound(length, 1, TERM + 200));
        (terms.evidence, terms.deadline) = (_EVIDENCE, clock);
        bool allowed = !forged && _mayIssue(_ghosts[terms.subject], terms);
        bytes memory signed = _sign(
            forged ? houses[0] : subjectSends ? terms.issuer : terms.subject,
            this.hashOf(terms)
        );
        bytes memory data = abi.encodeCall(
            participants.issueCredential,
            (terms, subjectSends ? signed : bytes(""), subjectSends ? bytes("") : signed)
        );
        address sender = subjectSends ? terms.subject : terms.issuer;
        attempt(sender, address(participants), data, allowed, "K-inv1: issued");
        if (allowed) _issued(terms);
    }

    function _issued(CredentialTerms memory terms) private {
        Ghost storage g = _ghosts[terms.subject];
        (g.issuer, g.notBefore, g.expiresAt) = (terms.issuer, terms.notBefore, terms.expiresAt);
        g.status = CredentialStatus.Active;
        if (g.number == 0) g.number = ++numbered;
    }

    function renew(uint256 who, uint256 by, uint256 longer) external {
        Ghost storage g = _ghosts[subjects[who % 3]];
        address issuer = issuers[by % 2];
        uint40 until = uint40(g.expiresAt + bound(longer, 0, 400 days));
        bool allowed = issuer == g.issuer && g.status == CredentialStatus.Active && isAdmitted(issuer);
        allowed = allowed && clock < g.expiresAt && until > g.expiresAt && until <= clock + TERM;
        bytes memory data = abi.encodeCall(
            participants.renewCredential,
            (subjects[who % 3], ROLE, HERE, until, _EVIDENCE)
        );
        attempt(issuer, address(participants), data, allowed, "K-inv1: renewed");
        if (allowed) g.expiresAt = until;
    }

    function setStatus(uint256 who, uint256 by, uint8 to) external {
        Ghost storage g = _ghosts[subjects[who % 3]];
        CredentialStatus status = CredentialStatus(to % 4);
        address sender = by % 8 == 7 ? subjects[who % 3] : issuers[by % 2];
        bool live = g.status == CredentialStatus.Active || g.status == CredentialStatus.Suspended;
        bool allowed = live && sender == g.issuer && status != CredentialStatus.None && status != g.status;
        bytes memory data = abi.encodeCall(
            participants.setCredentialStatus,
            (subjects[who % 3], ROLE, HERE, status, StatusReason.UnderInvestigation)
        );
        attempt(sender, address(participants), data, allowed, "K-inv1: status");
        if (!allowed) return;
        g.status = status;
        if (status == CredentialStatus.Revoked && clock > g.notBefore) g.notBefore = clock;
    }

    // ---- affiliations ----

    function affiliate(uint256 house, uint256 who, uint256 ahead, uint256 length, bool houseSends, uint8 luck) external {
        bool forged = luck % 8 == 0;
        AffiliationTerms memory terms;
        (terms.organisation, terms.practitioner, terms.deadline) = (houses[house % 2], subjects[who % 3], clock);
        terms.since = uint40(clock - 100 + bound(ahead, 0, 200));
        terms.until = uint40(terms.since + bound(length, 1, 400 days));
        Window storage work = works[terms.organisation][terms.practitioner];
        bool free = work.until == 0 || (terms.since > work.until && clock >= work.until);
        bool allowed = !forged && free && terms.until > clock;
        bytes memory signed = _sign(
            forged ? issuers[0] : houseSends ? terms.practitioner : terms.organisation,
            this.hashOf(terms)
        );
        bytes memory data = abi.encodeCall(
            participants.affiliate,
            (terms, houseSends ? bytes("") : signed, houseSends ? signed : bytes(""))
        );
        address sender = houseSends ? terms.organisation : terms.practitioner;
        attempt(sender, address(participants), data, allowed, "K-inv9: affiliated");
        if (allowed) (work.from, work.until) = (terms.since, terms.until);
    }

    function leave(uint256 house, uint256 who, uint256 by) external {
        (address organisation, address practitioner) = (houses[house % 2], subjects[who % 3]);
        Window storage work = works[organisation][practitioner];
        address sender = by % 4 == 3 ? issuers[0] : by % 2 == 0 ? organisation : practitioner;
        bool allowed = sender != issuers[0] && work.until > clock;
        bytes memory data = abi.encodeCall(
            participants.endAffiliation,
            (organisation, practitioner, StatusReason.Requested)
        );
        attempt(sender, address(participants), data, allowed, "K-inv9: ended");
        if (allowed) work.until = work.from > clock ? work.from : clock;
    }

    function pass(uint256 time, bool long) external {
        clock += uint40(bound(time, 1, long ? 90 days : 200));
        vm.warp(clock);
    }
}

/// @notice Credentials, affiliations and partner numbers are what was agreed, whatever anybody tried.
contract AccreditationInvariants is Kit {
    AccreditationHandler private _handler;
    IParticipantRegistry private _participants;

    function setUp() public {
        _handler = new AccreditationHandler();
        _participants = _handler.participants();
        targetContract(address(_handler));
        vm.warp(_handler.clock());
    }

    function invariant_H16_a_credential_is_what_its_issuer_and_its_subject_agreed() public {
        uint40 time = _handler.clock();
        vm.warp(time);
        for (uint256 i = 0; i < 3; i++) {
            address subject = _handler.subjects(i);
            AccreditationHandler.Ghost memory g = _handler.ghostOf(subject);
            (, Credential memory c) = _participants.credentialOf(subject, _handler.ROLE(), _handler.HERE());
            vm.assertEq(c.issuer, g.issuer, "K-inv1: issuer");
            vm.assertEq(uint256(c.notBefore), uint256(g.notBefore), "K-inv1: start");
            vm.assertEq(uint256(c.expiresAt), uint256(g.expiresAt), "K-inv1: end");
            vm.assertEq(uint256(c.status), uint256(g.status), "K-inv1: status");
            bool active = g.status == CredentialStatus.Active && g.notBefore <= time && time < g.expiresAt;
            bool found = _participants.isActive(subject, _handler.ROLE(), _handler.HERE());
            vm.assertEq(found, active && _handler.isAdmitted(g.issuer), "K-inv8: active");
            PartnerNo number = _participants.partnerNoOf(subject);
            vm.assertEq(uint256(PartnerNo.unwrap(number)), uint256(g.number), "K-inv7: number");
            if (g.number != 0) vm.assertEq(_participants.partnerOf(number), subject, "K-inv7: given twice");
        }
        vm.assertEq(_participants.partnerOf(PartnerNo.wrap(_handler.numbered() + 1)), address(0), "K-inv7: one left out");
    }

    function invariant_H16_an_affiliation_is_what_both_agreed_until_one_of_them_ends_it() public {
        uint40 time = _handler.clock();
        vm.warp(time);
        for (uint256 i = 0; i < 6; i++) {
            (address house, address who) = (_handler.houses(i % 2), _handler.subjects(i / 2));
            (uint40 from, uint40 until) = _handler.works(house, who);
            (, Affiliation memory found) = _participants.affiliationOf(house, who);
            vm.assertEq(uint256(found.since), uint256(from), "K-inv9: start");
            vm.assertEq(uint256(found.until), uint256(until), "K-inv9: end");
            vm.assertEq(_participants.isAffiliated(house, who), from <= time && time < until, "K-inv9: works there");
        }
    }
}
