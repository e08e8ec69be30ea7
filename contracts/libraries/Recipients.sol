// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Purpose, Recipient, RecipientKind, Scope} from "../types/Consents.sol";
import {Jurisdiction, Role} from "../types/Participants.sol";

/// @title Recipients
/// @notice A recipient in one word: kind << 208 | role << 192 | jurisdiction << 160 | account.
library Recipients {
    /// @notice A recipient that is one person.
    function person(address who) internal pure returns (Recipient) {
        return Recipient.wrap(bytes32((uint256(RecipientKind.Person) << 208) | uint160(who)));
    }

    /// @notice A recipient that is one organisation.
    function organisation(address who) internal pure returns (Recipient) {
        return Recipient.wrap(bytes32((uint256(RecipientKind.Organisation) << 208) | uint160(who)));
    }

    /// @notice A recipient that is all in a role somewhere.
    function everybody(Role as_, Jurisdiction where) internal pure returns (Recipient) {
        uint256 word = (uint256(RecipientKind.Role) << 208) | (uint256(as_) << 192);
        return Recipient.wrap(bytes32(word | (uint256(Jurisdiction.unwrap(where)) << 160)));
    }

    /// @notice Its kind, or None if the word is not one this contract writes.
    function kind(Recipient r) internal pure returns (RecipientKind) {
        uint256 word = uint256(Recipient.unwrap(r));
        uint256 above = word >> 160; // kind, role and jurisdiction
        if (above == uint256(RecipientKind.Organisation) << 48 && uint160(word) != 0) return RecipientKind.Organisation;
        if (above == uint256(RecipientKind.Person) << 48 && uint160(word) != 0) return RecipientKind.Person;
        uint256 r16 = uint16(above >> 32);
        bool known = above >> 48 == uint256(RecipientKind.Role) && r16 != 0 && r16 <= uint256(type(Role).max);
        return known && uint160(word) == 0 ? RecipientKind.Role : RecipientKind.None;
    }

    function account(Recipient r) internal pure returns (address) {
        return address(uint160(uint256(Recipient.unwrap(r))));
    }

    function role(Recipient r) internal pure returns (Role) {
        return Role(uint16(uint256(Recipient.unwrap(r)) >> 192));
    }

    function jurisdiction(Recipient r) internal pure returns (Jurisdiction) {
        return Jurisdiction.wrap(uint32(uint256(Recipient.unwrap(r)) >> 160));
    }

    /// @notice A recipient and a purpose, in one word.
    function forPurpose(Recipient r, Purpose p) internal pure returns (Scope) {
        return Scope.wrap(Recipient.unwrap(r) | bytes32(uint256(p) << 216));
    }

    /// @notice To whom.
    function recipient(Scope s) internal pure returns (Recipient) {
        return Recipient.wrap(bytes32(uint256(Scope.unwrap(s)) & ((1 << 216) - 1)));
    }

    /// @notice For what, as a number that {isKnown} has checked or will.
    function purpose(Scope s) internal pure returns (uint256) {
        return uint256(Scope.unwrap(s)) >> 216;
    }

    /// @notice Whether purpose and recipient are ones this contract writes.
    function isKnown(Scope s) internal pure returns (bool) {
        return purpose(s) <= uint256(type(Purpose).max) && kind(recipient(s)) != RecipientKind.None;
    }
}
