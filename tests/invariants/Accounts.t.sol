// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IParticipantRegistry} from "../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantTypes} from "../../contracts/libraries/ParticipantTypes.sol";
import {Words} from "../../contracts/libraries/Words.sol";
import {
    Act,
    Capacity,
    CredentialStatus,
    CredentialTerms,
    GuardianProof,
    GuardianTerms,
    Held,
    HeldStatus,
    HeldTerms,
    Jurisdiction,
    Recovery,
    Role,
    StatusReason,
    Will
} from "../../contracts/types/Participants.sol";
import {Kit} from "../forge/Kit.sol";

/// @notice A steward, its issuer, and accounts held for people without keys.
contract HeldHandler is Kit {
    uint256 public constant ACCOUNTS = 4;
    Jurisdiction public constant HERE = Jurisdiction.wrap(756000);
    Act private _paper = Act(Will.Paper, bytes32(uint256(7)));

    IParticipantRegistry public participants;
    uint40 public clock = 1_700_000_000;
    bool public suspended;
    address public issuer = address(0xA1);
    address public steward;
    address public claimKey;
    uint256 private _claimSecret;
    HeldTerms[4] private _terms;
    address[4] public accounts;
    HeldStatus[4] public states;
    address[4] public controllers;

    constructor() {
        address manager = deploy("AccessManager", abi.encode(address(this)));
        participants = IParticipantRegistry(deploy("ParticipantRegistry", abi.encode(manager, address(0xF0))));
        vm.warp(clock);
        (claimKey, _claimSecret) = makeAccount("claim key");
        uint256 key;
        (steward, key) = makeAccount("steward");
        participants.admitAccreditor(issuer, Role.Steward, HERE, clock, clock + 3000 days);
        _accredit(key);
        for (uint256 i = 0; i < ACCOUNTS; i++) {
            _terms[i] = HeldTerms(steward, HERE, claimKey, bytes32(i), i % 2 == 1);
            accounts[i] = participants.heldAddress(_terms[i]);
            controllers[i] = accounts[i];
        }
    }

    function _accredit(uint256 key) private {
        (uint40 until, bytes32 evidence, bytes32 word) = (clock + 3000 days, _paper.evidence, Words.ofRole(Role.Steward));
        bytes32 structHash = keccak256(
            abi.encode(ParticipantTypes.CREDENTIAL_TERMS, issuer, steward, word, HERE, clock, until, evidence, clock)
        );
        bytes memory signed = signature(key, typedDigest(address(participants), "ParticipantRegistry", structHash));
        vm.prank(issuer);
        participants.issueCredential(
            CredentialTerms(issuer, steward, Role.Steward, HERE, clock, until, evidence, clock),
            "",
            signed
        );
    }

    function _sender(uint256 by, address right) private view returns (address) {
        return by % 4 == 3 ? issuer : right;
    }

    function open(uint256 which, uint256 by) external {
        uint256 i = which % ACCOUNTS;
        address sender = _sender(by, steward);
        bool allowed = sender == steward && !suspended && states[i] == HeldStatus.None;
        bytes memory data = abi.encodeCall(participants.openHeld, (_terms[i], _paper));
        attempt(sender, address(participants), data, allowed, "K-inv2: opened");
        if (allowed) states[i] = HeldStatus.Open;
    }

    function close(uint256 which, uint256 by) external {
        uint256 i = which % ACCOUNTS;
        address sender = _sender(by, steward);
        bool allowed = sender == steward && !suspended && states[i] == HeldStatus.Open && _terms[i].provisional;
        bytes memory data = abi.encodeCall(participants.closeProvisional, (accounts[i], bytes32(uint256(9)), _paper));
        attempt(sender, address(participants), data, allowed, "K-inv2: closed");
        if (allowed) states[i] = HeldStatus.Closed;
    }

    /// @dev The claim key calls or has signed; or somebody else tries.
    function claim(uint256 which, uint256 by, uint160 to, bool signed) external {
        uint256 i = which % ACCOUNTS;
        address heir = address(uint160(bound(to, 0x1000, 0x1003)));
        bool own = by % 4 != 3;
        bool there = states[i] == HeldStatus.Open || states[i] == HeldStatus.Closed;
        bytes32 structHash = ParticipantTypes.hashClaim(accounts[i], heir, clock);
        bytes32 digest = typedDigest(address(participants), "ParticipantRegistry", structHash);
        bytes memory signature_ = signed ? signature(own ? _claimSecret : 77, digest) : bytes("");
        bytes memory data = abi.encodeCall(participants.claimHeld, (_terms[i], heir, clock, signature_));
        attempt(own && !signed ? claimKey : steward, address(participants), data, own && there, "K-inv2: claimed");
        if (own && there) (states[i], controllers[i]) = (HeldStatus.Claimed, heir);
    }

    /// @dev The accreditor takes the steward's power away, and gives it back.
    function suspend() external {
        suspended = !suspended;
        vm.prank(issuer);
        participants.setCredentialStatus(
            steward,
            Role.Steward,
            HERE,
            suspended ? CredentialStatus.Suspended : CredentialStatus.Active,
            StatusReason.UnderInvestigation
        );
    }

    function pass(uint256 time) external {
        clock += uint40(bound(time, 1, 10 days));
        vm.warp(clock);
    }
}

/// @notice One account, a thief, two heirs, and two circles of guardians: the kin's, and one of the thief's friends.
contract RecoveryHandler is Kit {
    struct Guarded {
        uint8 inForce;
        uint8 next;
        uint40 at;
    }

    struct Proposal {
        uint8 circle;
        uint32 approvals;
        uint8 count;
        bool objected;
        bool endorsed;
        uint16 life;
        uint40 begunAt;
        uint40 quorumAt;
        uint40 readyAt;
    }

    uint40 public constant LAPSE = 30 days;
    Jurisdiction public constant HERE = Jurisdiction.wrap(756000);

    IParticipantRegistry public participants;
    uint40 public clock = 1_700_000_000;
    address public issuer = address(0xA1);
    address public account = address(0xB0);
    address public thief = address(0xBAD);
    address[2] public heirs = [address(0xC1), address(0xC2)];
    address public controller = address(0xB0);
    uint32 public epoch;
    uint16 public life;
    Guarded public guarded;
    /// @dev Until when a recovery that had its quorum can be carried out: no other set of guardians acts until then.
    uint40 public frozen;
    mapping(address heir => Proposal) private _proposals;
    GuardianTerms[3] private _circles;
    mapping(uint8 circle => mapping(uint8 index => GuardianProof)) private _proofs;

    constructor() {
        address manager = deploy("AccessManager", abi.encode(address(this)));
        participants = IParticipantRegistry(deploy("ParticipantRegistry", abi.encode(manager, address(0xF0))));
        vm.warp(clock);
        participants.admitAccreditor(issuer, Role.Steward, HERE, clock, clock + 10_000 days);
        _circle(1, 2, 3, 3 days);
        _circle(2, 1, 2, 1 days);
    }

    function _circle(uint8 circle, uint8 quorum, uint8 larger, uint32 wait) private {
        bytes32[3] memory leaves;
        for (uint8 i = 0; i < 3; i++) {
            GuardianProof storage proof = _proofs[circle][i];
            proof.guardian = address(uint160(0xD00) + uint160(circle) * 16 + i);
            (proof.index, proof.salt) = (i, keccak256(abi.encode(circle, i)));
            leaves[i] = ParticipantTypes.guardianLeaf(i, proof.guardian, proof.salt);
        }
        bytes32 pair = _hash(leaves[0], leaves[1]);
        _proofs[circle][0].path = [leaves[1], leaves[2]];
        _proofs[circle][1].path = [leaves[0], leaves[2]];
        _proofs[circle][2].path = [pair];
        _circles[circle] = GuardianTerms(_hash(pair, leaves[2]), quorum, larger, wait);
    }

    /// @dev The standard tree: each pair in order of size.
    function _hash(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function commitmentOf(uint8 circle) public view returns (bytes32) {
        GuardianTerms memory t = _circles[circle];
        return circle == 0 ? bytes32(0) : keccak256(abi.encode(t.root, t.quorum, t.largerQuorum, t.waitSeconds));
    }

    function waitOf(uint8 circle) external view returns (uint40) {
        return _circles[circle].waitSeconds;
    }

    function proposalOf(address heir) external view returns (Proposal memory) {
        return _proposals[heir];
    }

    function circleInForce() public view returns (uint8) {
        return clock >= guarded.at && clock >= frozen ? guarded.next : guarded.inForce;
    }

    function isVoid(address heir) public view returns (bool) {
        Proposal memory p = _proposals[heir];
        return p.circle == 0 || p.life != life || clock > (p.readyAt != 0 ? p.readyAt : p.begunAt) + LAPSE;
    }

    function _sender(uint256 by) private view returns (address) {
        return by % 4 == 3 ? heirs[0] : controller;
    }

    /// @dev Whoever has the key passes it on: to the thief as well.
    function handOver(uint256 to, uint256 by) public {
        address next = to % 3 == 0 ? account : to % 3 == 1 ? thief : heirs[to % 2];
        bool allowed = _sender(by) == controller;
        bytes memory data = abi.encodeCall(participants.changeController, (account, next));
        attempt(_sender(by), address(participants), data, allowed, "K-inv6: handed over");
        if (allowed) (controller, epoch) = (next, epoch + 1);
    }

    function setGuardians(uint8 circle, uint8 named, uint256 by) public {
        circle %= 3;
        uint8 old = circleInForce();
        named = named % 4 == 3 ? 2 : old;
        bool allowed = _sender(by) == controller && (old == 0 || named == old);
        bytes memory data = abi.encodeCall(
            participants.setGuardians,
            (account, _circles[named], _circles[circle])
        );
        attempt(_sender(by), address(participants), data, allowed, "K-inv10: guardians set");
        if (allowed) guarded = Guarded(old, circle, clock + uint40(old == 0 ? 0 : _circles[old].waitSeconds));
    }

    function approve(uint256 to, uint8 circle, uint8 index) public {
        address heir = heirs[to % 2];
        (circle, index) = (1 + circle % 2, index % 3);
        Proposal memory p = _proposals[heir];
        if (isVoid(heir)) p = Proposal(circleInForce(), 0, 0, false, false, life, clock, 0, 0);
        bool allowed = p.circle == circle && p.approvals & (uint32(1) << index) == 0;
        bytes memory data = abi.encodeCall(
            participants.approveRecovery,
            (account, heir, _circles[circle], _proofs[circle][index], clock, "")
        );
        attempt(_proofs[circle][index].guardian, address(participants), data, allowed, "K-inv3: approved");
        if (!allowed) return;
        (p.approvals, p.count) = (p.approvals | (uint32(1) << index), p.count + 1);
        if (p.count == _circles[circle].quorum) {
            p.quorumAt = clock;
            p.readyAt = clock + _circles[circle].waitSeconds * (p.objected ? 2 : 1);
            _freeze(p.readyAt);
            guarded.inForce = circle;
        }
        _proposals[heir] = p;
    }

    function objectTo(uint256 to, uint256 by) public {
        Proposal storage p = _proposals[heirs[to % 2]];
        bool allowed = _sender(by) == controller && !isVoid(heirs[to % 2]) && !p.objected;
        bytes memory data = abi.encodeCall(participants.objectToRecovery, (account, heirs[to % 2]));
        attempt(_sender(by), address(participants), data, allowed, "K-inv3: objected");
        if (!allowed) return;
        p.objected = true;
        if (p.readyAt == 0) return;
        p.readyAt = p.quorumAt + 2 * _circles[p.circle].waitSeconds;
        _freeze(p.readyAt);
    }

    function _freeze(uint40 readyAt) private {
        if (readyAt + LAPSE + 1 > frozen) frozen = readyAt + LAPSE + 1;
    }

    function endorse(uint256 to, uint256 by) public {
        Proposal storage p = _proposals[heirs[to % 2]];
        address sender = by % 4 == 3 ? thief : issuer;
        bool allowed = sender == issuer && !isVoid(heirs[to % 2]) && p.objected && p.quorumAt != 0 && !p.endorsed;
        bytes memory data = abi.encodeCall(participants.endorseRecovery, (account, heirs[to % 2], issuer, HERE));
        attempt(sender, address(participants), data, allowed, "K-inv3: endorsed");
        if (allowed) p.endorsed = true;
    }

    function execute(uint256 to, uint8 circle) public {
        address heir = heirs[to % 2];
        circle = 1 + circle % 2;
        Proposal memory p = _proposals[heir];
        uint8 needed = p.objected && !p.endorsed ? _circles[circle].largerQuorum : _circles[circle].quorum;
        bool allowed = p.circle == circle && !isVoid(heir) && p.readyAt != 0 && clock >= p.readyAt && p.count >= needed;
        bytes memory data = abi.encodeCall(participants.executeRecovery, (account, heir, _circles[circle]));
        attempt(address(0xE0), address(participants), data, allowed, "K-inv3: carried out");
        if (!allowed) return;
        (controller, epoch, life) = (heir, epoch + 1, life + 1);
        guarded = Guarded(circle, circle, clock);
        frozen = 0;
    }

    function pass(uint256 time, uint8 how) external {
        uint40[4] memory exact = [uint40(1), 1 days, 3 days, LAPSE];
        _warp(clock + (how % 2 == 0 ? exact[how / 2 % 4] : uint40(bound(time, 1, 5 days))));
    }

    function _warp(uint40 time) private {
        clock = time;
        vm.warp(time);
    }

    /// @dev The approvals that the circle of the proposal, or the one in force, can give; returns that circle.
    function _propose(uint256 to, uint8 approvals) private returns (uint8 circle) {
        if (circleInForce() == 0) setGuardians(1, 0, 0);
        circle = isVoid(heirs[to % 2]) ? circleInForce() : _proposals[heirs[to % 2]].circle;
        if (circle == 0) return 0;
        for (uint8 i = 0; i < approvals; i++) approve(to, circle - 1, i);
    }

    /// @dev The whole way, so that recoveries are often carried out; the thief does what it can against it.
    function rob(uint256 to, uint8 swap, bool third, uint8 late) external {
        if (circleInForce() == 0) setGuardians(1, 0, 0);
        handOver(1, 0);
        if (swap % 2 == 0) setGuardians(swap >> 1, 0, 0);
        uint8 circle = _propose(to, third ? 3 : 2);
        if (circle == 0) return;
        if (late % 4 != 3) objectTo(to, 0);
        endorse(to, late);
        uint40 ready = _proposals[heirs[to % 2]].readyAt;
        if (late % 8 >= 6) ready += LAPSE + 1; // the last second at which it can be carried out
        for (uint40 i = 0; i < 2; i++) {
            if (ready + i > clock + 1) _warp(ready + i - 1);
            execute(to, circle - 1);
        }
    }

    /// @dev Two proposals at once; the freeze has to last for the later of them.
    function robTwice(uint256 to, bool objected) external {
        _propose(to, 2);
        if (objected) objectTo(to, 0);
        _propose(1 - (to % 2), 2);
        uint40 last = _proposals[heirs[to % 2]].readyAt + LAPSE;
        if (last > clock) _warp(last);
    }
}

/// @notice A claimed account has no steward, for ever.
contract HeldInvariants is Kit {
    HeldHandler private _handler;
    IParticipantRegistry private _participants;

    function setUp() public {
        _handler = new HeldHandler();
        _participants = _handler.participants();
        targetContract(address(_handler));
        vm.warp(_handler.clock());
    }

    function invariant_H9_a_held_account_obeys_its_steward_until_it_is_claimed_or_closed() public {
        vm.warp(_handler.clock());
        address steward = _handler.steward();
        for (uint256 i = 0; i < 4; i++) {
            address account = _handler.accounts(i);
            Held memory held = _participants.heldOf(account);
            vm.assertEq(uint256(held.status), uint256(_handler.states(i)), "K-inv2: status");
            vm.assertEq(_participants.controllerOf(account), _handler.controllers(i), "K-inv2: controller");
            bool power = held.status == HeldStatus.Open && !_handler.suspended();
            Capacity said = power ? Capacity.Steward : Capacity.None;
            vm.assertEq(uint256(_participants.capacityOf(account, steward)), uint256(said), "K-inv2: steward");
            said = held.status == HeldStatus.Claimed ? Capacity.Self : Capacity.None;
            address heir = held.status == HeldStatus.Claimed ? _handler.controllers(i) : _handler.claimKey();
            vm.assertEq(uint256(_participants.capacityOf(account, heir)), uint256(said), "K-inv2: heir");
        }
    }
}

/// @notice Whoever has the key, the guardians of before give the account back, after the wait and not before.
contract RecoveryInvariants is Kit {
    RecoveryHandler private _handler;
    IParticipantRegistry private _participants;

    function setUp() public {
        _handler = new RecoveryHandler();
        _participants = _handler.participants();
        targetContract(address(_handler));
        vm.warp(_handler.clock());
    }

    function invariant_K6_control_changes_hands_by_the_key_or_by_guardians_and_each_time_the_epoch_rises() public {
        vm.warp(_handler.clock());
        (address controller, uint32 epoch) = _participants.authorityOf(_handler.account());
        vm.assertEq(controller, _handler.controller(), "K-inv6: controller");
        vm.assertEq(uint256(epoch), uint256(_handler.epoch()), "K-inv6: epoch");
        (bytes32 inForce, bytes32 next, ) = _participants.guardiansOf(_handler.account());
        (, uint8 said, ) = _handler.guarded();
        vm.assertEq(inForce, _handler.commitmentOf(_handler.circleInForce()), "K-inv10: guardians in force");
        vm.assertEq(next, _handler.commitmentOf(said), "K-inv10: guardians to come");
    }

    function invariant_K6_a_thief_delays_a_recovery_once_and_never_ends_it() public {
        uint40 time = _handler.clock();
        vm.warp(time);
        for (uint256 i = 0; i < 2; i++) {
            address heir = _handler.heirs(i);
            RecoveryHandler.Proposal memory p = _handler.proposalOf(heir);
            (, Recovery memory r) = _participants.recoveryOf(_handler.account(), heir);
            vm.assertEq(r.guardians, _handler.commitmentOf(p.circle), "K-inv11: guardians of the proposal");
            vm.assertEq(uint256(r.approvals), uint256(p.approvals), "K-inv11: approvals");
            vm.assertEq(r.objected, p.objected, "K-inv11: objected");
            vm.assertEq(r.endorsed, p.endorsed, "K-inv11: endorsed");
            vm.assertEq(uint256(r.readyAt), uint256(p.readyAt), "K-inv11: ready");
            uint40 wait = _handler.waitOf(p.circle) * (r.objected ? 2 : 1);
            if (r.readyAt != 0) vm.assertEq(uint256(r.readyAt), uint256(r.quorumAt + wait), "K-inv3: the wait");
            bool possible = !_handler.isVoid(heir) && p.readyAt != 0 && time <= p.readyAt + _handler.LAPSE();
            if (possible) vm.assertTrue(_participants.isRecovering(_handler.account()), "K-inv5: not frozen");
        }
    }
}
