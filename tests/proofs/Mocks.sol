// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Account, Accreditation, Capacity, Credential, Held, Jurisdiction, Role} from "../../contracts/types/Participants.sol";

/// @notice Stands for the participant registry in proofs about others: one account has a chosen controller, all others
/// control themselves; whether anybody is active or affiliated is chosen once.
contract ParticipantsStub {
    address public subject;
    address public controller;
    uint32 public epoch;
    bool public active;
    bool public affiliated;
    Capacity public capacity;

    function set(address subject_, address controller_, uint32 epoch_) external {
        (subject, controller, epoch) = (subject_, controller_, epoch_);
    }

    function allow(bool active_, bool affiliated_, Capacity capacity_) external {
        (active, affiliated, capacity) = (active_, affiliated_, capacity_);
    }

    function controllerOf(address who) public view returns (address) {
        return who == subject ? controller : who;
    }

    function authorityOf(address who) external view returns (address, uint32) {
        return (controllerOf(who), epoch);
    }

    function isActive(address, Role, Jurisdiction) external view returns (bool) {
        return active;
    }

    function isAffiliated(address, address) external view returns (bool) {
        return affiliated;
    }

    function capacityOf(address, address) external view returns (Capacity) {
        return capacity;
    }

    /// @dev Whoever controls the subject issued every credential, and is admitted for ever.
    function credentialOf(address, Role, Jurisdiction) external view returns (bytes32, Credential memory credential) {
        credential.issuer = controller;
    }

    function accreditationOf(address, Role, Jurisdiction) external pure returns (Accreditation memory accreditation) {
        accreditation.until = type(uint40).max;
    }

    function accountOf(address) external pure returns (Account memory account) {}

    function heldOf(address) external pure returns (Held memory held) {}
}

/// @notice Lets everybody govern: proofs that ask what governance can do at the most.
contract AnybodyGoverns {
    function canCall(address, address, bytes4) external pure returns (bool, uint32) {
        return (true, 0);
    }
}
