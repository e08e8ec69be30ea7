// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ParticipantRegistry} from "../../contracts/ParticipantRegistry.sol";
import {
    Account,
    Act,
    Capacity,
    CredentialStatus,
    CredentialTerms,
    HeldTerms,
    Jurisdiction,
    PartnerNo,
    Role,
    StatusReason,
    Will
} from "../../contracts/types/Participants.sol";
import {Kit} from "../forge/Kit.sol";
import {AnybodyGoverns} from "./Mocks.sol";

/// @notice Participants on the bytecode that ships; the slots that matter hold any value before each act.
contract ParticipantProof is Kit {
    address private constant FORWARDER = address(0xF0F0);
    address private constant ISSUER = address(0x155);
    Jurisdiction private constant PLACE = Jurisdiction.wrap(756000);
    uint256 private constant ACCOUNTS = 4;
    uint256 private constant NUMBERS = 8;
    uint256 private constant PARTNERS = 7;
    uint256 private constant ACCREDITATIONS = 10;
    uint256 private constant CREDENTIALS = 11;
    uint256 private constant HELD = 14;

    ParticipantRegistry private _registry;

    function setUp() public {
        _registry = ParticipantRegistry(
            deploy("ParticipantRegistry", abi.encode(address(new AnybodyGoverns()), FORWARDER))
        );
    }

    function _store(bytes32 key, uint256 mappingSlot, uint256 word) private {
        vm.store(address(_registry), keccak256(abi.encode(key, mappingSlot)), bytes32(word));
    }

    function _load(bytes32 key, uint256 mappingSlot) private view returns (uint256) {
        return uint256(vm.load(address(_registry), keccak256(abi.encode(key, mappingSlot))));
    }

    function _key(address who) private pure returns (bytes32) {
        return bytes32(uint256(uint160(who)));
    }

    function _credential(address subject, Role role) private view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(_registry), subject, role, PLACE));
    }

    function _admit(address issuer, Role role, uint40 from, uint40 until) private {
        _store(keccak256(abi.encode(issuer, role, PLACE)), ACCREDITATIONS, uint256(from) | (uint256(until) << 40));
    }

    function check_H9_isActive__only_active_in_its_window_and_issuer_admitted(
        address subject,
        address issuer,
        uint40 notBefore,
        uint40 expiresAt,
        uint8 status,
        uint40 from,
        uint40 until,
        uint40 time
    ) public {
        vm.assume(status <= uint8(type(CredentialStatus).max));
        uint256 word = uint160(issuer) | (uint256(notBefore) << 160) | (uint256(expiresAt) << 200);
        _store(_credential(subject, Role.Provider), CREDENTIALS, word | (uint256(status) << 240));
        _admit(issuer, Role.Provider, from, until);
        vm.warp(time);
        bool active = _registry.isActive(subject, Role.Provider, PLACE);
        bool expected = status == uint8(CredentialStatus.Active) && notBefore <= time && time < expiresAt;
        assert(active == (expected && from <= time && time < until));
    }

    function check_C1_setCredentialStatus__only_its_issuer(
        address caller,
        address subject,
        address issuer,
        address controller,
        uint8 oldStatus,
        uint8 status
    ) public {
        vm.assume(caller != FORWARDER && issuer != address(0));
        vm.assume(oldStatus <= 3 && status <= 3);
        uint256 word = uint256(uint160(issuer)) | (uint256(oldStatus) << 240);
        _store(_credential(subject, Role.Provider), CREDENTIALS, word);
        _store(_key(issuer), ACCOUNTS, uint256(uint160(controller)));
        vm.prank(caller);
        try
            _registry.setCredentialStatus(
                subject,
                Role.Provider,
                PLACE,
                CredentialStatus(status),
                StatusReason.Sanctioned
            )
        {
            assert(caller == (controller == address(0) ? issuer : controller));
            assert(oldStatus == 1 || oldStatus == 2); // nothing leads out of Revoked, or out of None
            assert(status != 0 && status != oldStatus);
        } catch {
            assert(_load(_credential(subject, Role.Provider), CREDENTIALS) == word);
        }
    }

    function check_K6_changeController__only_the_controller_and_raises_the_epoch(
        address caller,
        address subject,
        address controller,
        address next,
        uint32 epoch,
        uint16 recoveries
    ) public {
        vm.assume(caller != FORWARDER && epoch < type(uint32).max);
        _store(
            _key(subject),
            ACCOUNTS,
            uint256(uint160(controller)) | (uint256(epoch) << 160) | (uint256(recoveries) << 192)
        );
        address before = _registry.controllerOf(subject);
        vm.prank(caller);
        try _registry.changeController(subject, next) {
            assert(caller == before && next != address(0));
            Account memory account = _registry.accountOf(subject);
            assert(_registry.controllerOf(subject) == next);
            assert(account.epoch == epoch + 1 && account.recoveries == recoveries);
        } catch {
            assert(_registry.controllerOf(subject) == before);
        }
    }

    function check_K6_changeController__leaves_every_other_account(
        address caller,
        address subject,
        address next,
        address other,
        uint256 word
    ) public {
        vm.assume(other != subject);
        _store(_key(other), ACCOUNTS, word);
        vm.prank(caller);
        try _registry.changeController(subject, next) {} catch {}
        assert(_load(_key(other), ACCOUNTS) == word);
    }

    function check_K2_controllerOf__is_never_zero_for_a_subject(address subject, uint256 word) public {
        vm.assume(subject != address(0));
        _store(_key(subject), ACCOUNTS, word);
        assert(_registry.controllerOf(subject) != address(0));
        (address controller, uint32 epoch) = _registry.authorityOf(subject);
        assert(controller == _registry.controllerOf(subject) && epoch == uint32(word >> 160));
    }

    function _heldWord(address steward, HeldTerms memory terms, uint8 status) private pure returns (uint256) {
        uint256 word = uint256(uint160(steward)) | (uint256(Jurisdiction.unwrap(terms.jurisdiction)) << 160);
        return word | (uint256(1) << 192) | (uint256(status) << 232);
    }

    function check_H9_claimHeld__ends_every_steward_power(
        address steward,
        address claimKey,
        bytes32 salt,
        address controller,
        address actor
    ) public {
        HeldTerms memory terms = HeldTerms(steward, PLACE, claimKey, salt, false);
        address subject = _registry.heldAddress(terms);
        _store(_key(subject), HELD, _heldWord(steward, terms, 1));
        vm.assume(controller != address(0) && controller != subject && claimKey != FORWARDER && claimKey != address(0));
        vm.prank(claimKey);
        _registry.claimHeld(terms, controller, type(uint40).max, "");
        assert(_registry.controllerOf(subject) == controller);
        assert(_registry.capacityOf(subject, actor) == (actor == controller ? Capacity.Self : Capacity.None));
    }

    function check_H9_claimHeld__only_the_claim_key_and_only_while_open(
        address caller,
        address steward,
        address claimKey,
        bytes32 salt,
        address controller,
        uint8 status
    ) public {
        vm.assume(caller != FORWARDER && status <= 3);
        HeldTerms memory terms = HeldTerms(steward, PLACE, claimKey, salt, false);
        address subject = _registry.heldAddress(terms);
        _store(_key(subject), HELD, _heldWord(steward, terms, status));
        vm.prank(caller);
        try _registry.claimHeld(terms, controller, type(uint40).max, "") {
            assert(caller == claimKey && (status == 1 || status == 3)); // open, or closed but never claimed
        } catch {
            assert(_load(_key(subject), HELD) == _heldWord(steward, terms, status));
        }
    }

    function check_H14_issueCredential__numbers_are_never_reused(
        address subject,
        uint32 partners,
        uint32 numbered
    ) public {
        vm.assume(subject != address(0) && subject != FORWARDER && partners < type(uint32).max);
        vm.assume(subject != ISSUER);
        vm.warp(1_000_000);
        _admit(ISSUER, Role.Lender, 0, type(uint40).max);
        _store(_key(ISSUER), ACCOUNTS, uint160(subject)); // so that one call carries both words
        vm.store(address(_registry), bytes32(PARTNERS), bytes32(uint256(partners)));
        _store(_key(subject), NUMBERS, numbered);
        CredentialTerms memory terms = CredentialTerms(
            ISSUER,
            subject,
            Role.Lender,
            PLACE,
            1,
            2_000_000,
            bytes32(uint256(1)),
            type(uint40).max
        );
        vm.prank(subject);
        _registry.issueCredential(terms, "", "");
        uint32 number = PartnerNo.unwrap(_registry.partnerNoOf(subject));
        assert(number == (numbered != 0 ? numbered : partners + 1));
        if (numbered == 0) assert(_registry.partnerOf(PartnerNo.wrap(number)) == subject);
        uint32 count = uint32(uint256(vm.load(address(_registry), bytes32(PARTNERS))));
        assert(count == (numbered != 0 ? partners : partners + 1));
    }

    function check_G1_retire__given_retired__no_new_credential_affiliation_or_held_account(
        address caller,
        CredentialTerms memory terms,
        HeldTerms memory held
    ) public {
        _registry.retire();
        vm.prank(caller);
        (bool ok, ) = address(_registry).call(abi.encodeCall(_registry.issueCredential, (terms, "", "")));
        assert(!ok);
        vm.prank(caller);
        (ok, ) = address(_registry).call(
            abi.encodeCall(_registry.openHeld, (held, Act(Will.Paper, bytes32(uint256(1)))))
        );
        assert(!ok);
        assert(_registry.isRetired());
    }
}
