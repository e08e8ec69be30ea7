// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Purpose} from "../types/Consents.sol";
import {Role} from "../types/Participants.sol";

/// @title Words
/// @notice The code words a person signs, as hashes: what is signed is readable, what is on chain is bits.
/// @dev EIP-712 hashes a string as keccak256 of its bytes and a string[] as keccak256 of the hashes in order
/// (Definition of encodeData). The words behind the tables are in the comments; a test hashes them again.
library Words {
    /* CONSTANTS */

    /// @dev Bits 0 to 15: what most records are.
    uint64 internal constant ORDINARY = 0xFFFF;
    /// @dev Bits 32 to 39: what laws or customs protect more.
    uint64 internal constant SENSITIVE = 0xFF << 32;
    /// @dev Every class of this release. A class added later starts denied.
    uint64 internal constant KNOWN = ORDINARY | SENSITIVE;

    bytes32 internal constant PERSON = keccak256("person");
    bytes32 internal constant ORGANISATION = keccak256("organisation");
    bytes32 internal constant ROLE = keccak256("role");
    bytes32 internal constant NONE = keccak256("none");
    /// @dev keccak256 of nothing: an empty string[].
    bytes32 internal constant NO_WORDS = keccak256("");
    /// @dev The hash of all ordinary words in order: the profile that most grants use.
    bytes32 internal constant ORDINARY_WORDS = 0x36e3ee66c5d438f98bdb2bb76d6c20b58fb66087c0dca0c4681527efa5091e83;
    /// @dev The hash of all sensitive words in order.
    bytes32 internal constant SENSITIVE_WORDS = 0x963ffa6b710f84999e6f96dedf4f4d4f1915ce31f424be4ee64d3707582b98f4;

    /// @dev Hash of the word of bit i at 32 * i.
    bytes private constant _ORDINARY_TABLE =
        hex"f2e8815f0f3d072aec52a4087e1f1518defe32d709082352ccef0a9350a375cb" // demographics
        hex"05796d06ba0485e4a88c7285dfad1343ad2f6583e862520ca689b5c2126382e0" // encounters
        hex"ee78a051502d84cba780a93a072a0ac335afa5f89430bef055fb7727c9270755" // conditions
        hex"20af9d6fa28bfb7f808979fa48d404226598ccdfe3965082fa0ca132f3f073ef" // medications
        hex"be61f611afadde9df01ad97d24b8160ec174cfbccbdc5968efd70b8dfff5bf12" // allergies
        hex"b8b07e6816967eca6407f41a344bc949288877708454ce998802eb36237ccad8" // immunizations
        hex"c7cc1574973eafa1db59b00634e766d59c3e74567cd975907ba73efb78da3abe" // vitals
        hex"b3dccd9c2b8d96551ac93fc8e340f12ce1b7e07d17a6bfb903ff8be1fc9020ee" // labs
        hex"589be8fc01095ad9fddc72e6bdadd27a45ef58d34b7005e814e33d05202b87e2" // imaging
        hex"9430b31941555f1b1d623d3c7a2010d0a52f6806593b464139b3ea080ee18893" // procedures
        hex"55fd8d795c5b9d2a906e1540ade043a6fb75de555aeb3800c4dd8cf3079b5dda" // notes
        hex"efdd77b42726a9d866bc46d4036226e246b2ad7dc9e1ff5e4a2f2c270731c4ad" // care-plans
        hex"e5442b7dd345c560d272044777d64eda936b9af89aab4c71b7301152990681a4" // devices
        hex"388b07cae664555803196628a347f929b3e5a8680972cc5a6763982d30aeba90" // coverage
        hex"1744c2a923a4294f7e7e6fc2076e44b9126756e36bd413b902a2f66fb979b7ba" // claims
        hex"e6088287d330b8d9af06176e39f09b02bb3b3ae2378125dbda5473475fcffc7d"; // documents

    /// @dev Hash of the word of bit 32 + i at 32 * i.
    bytes private constant _SENSITIVE_TABLE =
        hex"85cde835e78b812e8d7b363224f7b3c94d0fc39998d69e5ebafa1e66bb10af9a" // genomics
        hex"9648d6ef5dc2f75d6d4a941739bb01ea4c54cb9f6a135da8ca9a289fa8d5944f" // mental-health
        hex"ee2b6dfadc32809170459467328b68c27e68b8527796e28f080b1e9b73bdb5dc" // substance-use
        hex"15cf820057b12bd8f9ba6f21e95d569c67db706b78b5cec1b012c29c48e89084" // reproductive
        hex"65435b3d52ca0b3cb48afbd1bfb3c236ef6ac447f1dd127e0a4d6857dfae1dde" // hiv
        hex"225ef5937822377397b99e7a057f5cda36d1e71d506e47b7d2eb43faeca2b51b" // sexual-health
        hex"5c4dba7d4478adb3859b2385d7515a402b8b5903cc5599dfc332661992e2cc40" // violence
        hex"65767cc820d8498792bd5ac3285ee0cb22f63d18d05aa00aa7f5260775134335"; // gender

    /// @dev HL7 v3 PurposeOfUse codes.
    bytes private constant _PURPOSE_TABLE =
        hex"c085ab1d5f807c39e10996a170e44b2cf9afeabb5ad807b90906bc0eca27ac97" // TREAT
        hex"5b41b25796e846a25ff4a16e6c9c7e3c5595ded6aa25e03b52a1f512760da43d" // ETREAT
        hex"fe0c58d2f8e52d7c5c75400e7463c2b40d781f1ccc7ad04de2056c4468c017f6" // CAREMGT
        hex"027f89c03d8672b2b00ac3d1a74d0c5b318167615b4b9b1e5235ad165ca8ccce" // HPAYMT
        hex"9b49d37b49153e187e8a7864245383a0b687b409d42dee7843d9df4317b3fb5f" // COVERAGE
        hex"6412856caf1205fc0ecd3b1b16682d0645a9b35a70ec374fcc76bb9ecffde9f1" // HOPERAT
        hex"b4d7e7441269fec443777364327f8c075a14474059e1bec3e272f07cb058b4c2" // HRESCH
        hex"1c2e1364550f5c4bbefa2818da7667b6cf07296d93d969da6275a8c0369d5039" // CLINTRCH
        hex"0bcedc8c61c37611e337d3587f2508bfa153a24610d39c7ff4ff373f4ba4fa2f" // PUBHLTH
        hex"2a40f88a24288354a2e05c5fdd2e72454ed843a1e123b55b8e91d8f9f388ecc8" // PATRQT
        hex"43e33111eb5b9e7958ead4dd37d00bf5bebffaa1b383031d06627bb0a57f9b4c" // FAMRQT
        hex"7619568e0018d4ec72c66896b4dbf2fd35ab78d042035435b8b4a41d975a72ce" // PWATRNY
        hex"15ac396345d35dc061f894de680f3d56da54d52fa8a661dde860922f9e9b643e" // SUPNWK
        hex"324751686ebe2be1145310e651d6a30e307aaa10d1d5d849c0bc166de49c4306" // HMARKT
        hex"ac579f89ff4ac7cb1335adf0465437b0ea16ea927f6fa2b183a4348e4052f8a4" // HSYSADMIN
        hex"fb92f9736197654e1c0b5388a750404dfdac113a5bc6ed8a4394294b7e405fec" // BIORCH
        hex"eb146c931173ca233ef62098db320400119e25f4659551dc5c46fbc002a362e6" // DISASTER
        hex"5a377b738d59362af32b75a27750fb2a5d8e74cbddee49857a7df68463ebcd35" // THREAT
        hex"6b200372067595270949c914350762eddf34e3744202fe5f66292144b5ee918c" // HDM
        hex"4c2eacfe309763b3e563aaa2ca66269437945ddac15fab678c681c2aab1662e9" // COVAUTH
        hex"9dcd897747299c7982c6e01c5de3c96765235c18955af80d952fbfa40cedc3ef" // HQUALIMP
        hex"5159b05b9ec2de83edf2daf5aeb6c5f62890e6e3c102dbd2605cf83dfc56686d" // PATADMIN
        hex"b83b5aa7919210edd3aa1e3d02c13e869fbbe57fef6c1750a2a308eb5e12976e" // RECORDMGT
        hex"4db044a152debd78a26310c447aea1302ec37dc369869fb41eb7e8bf87cad24f"; // HLEGAL

    /// @dev Roles.
    bytes private constant _ROLE_TABLE =
        hex"f4915122cc2b3d2dae9e7d77a78c2eb0cef7b55de5c725eea56e2027332489e1" // none
        hex"f776917fc6dc6f3cb510f1fd822db761bb7175938dd924dd7bb5447ab01bf09f" // practitioner
        hex"91c78f343fa4753a18a7ecaff5a0d85cfa864839d839601256f8f00300358578" // provider
        hex"dd07565b4734c0f203b03129e8ba72db5212faed44f5f1bb16c55bc8e61b4776" // insurer
        hex"a4352115d088330ab1b3d9414fa1b656aedaa34827ba0e65cd61585ffa195079" // pharmacy
        hex"723a6a9f16f7f3d6c599aa38d0e0255b944df17e487da9f7a03bd12aa1e7c1a8" // manufacturer
        hex"71c5a35e45a25c49e8f747acd4bcb869814b3d104c492d2554f4c46e12371f57" // distributor
        hex"e80fb92299ed640261f22bb7d7b1b877eb589e85f26da49c85e89a10bc53fe07" // sponsor
        hex"47ddd75843c64231721e00b92cd5195301a5e01700079e74e2d16dd9e2bbf5ef" // ethics-committee
        hex"0d47c2b3cc4f4c775125247ec18c4ad94ffa779afc5c25defd9607b1622a85a9" // investigator
        hex"080e33c203b8ad043499fca2f38b79ed202d3fafde8db964cd702a758da887c9" // research-institution
        hex"408ec5e5d39c2e5929781a610eaf80cc91000576bc71372216dade167976c66c" // randomiser
        hex"57c66d3d85e0eb55b3720781fbd6803baef59f40ea1e66c38dd54ae65a51202e" // lender
        hex"7910ad37365bbe683fd8f86c0628fe6da9da366f7e8b3db028763efd0d0b7ecc" // custodian
        hex"521e318892c3f2f011538a1e033f8c8cd8f85dd97e767cd081efe04f127759d4" // steward
        hex"1c10a7b5119952a631c94a868a222d4d214ef5f8929f4c419da902fffdcd007e" // pricer
        hex"e1c7e9d8fd24038fecb071e7e6b52703996280f962d9e2de656878396cf54f99" // assessor
        hex"aa9aaa4c5cc4078ae32554cdf49a218ee84ee95b1f87de4d3c1e8ac45dd355f7" // auditor
        hex"930c1ebae1f9f530a707ca827b80ed7d08805b88d5bcf9e6287500e205da8869"; // regulator


    /* INTERNAL */

    /// @notice The EIP-712 hash of a set of classes as string[], lowest bit first.
    /// @dev Bits outside {KNOWN} have no word; callers refuse them before.
    function ofClasses(uint64 mask) internal pure returns (bytes32) {
        if (mask == ORDINARY) return ORDINARY_WORDS;
        if (mask == SENSITIVE) return SENSITIVE_WORDS;
        if (mask == 0) return NO_WORDS;
        return _fold(mask);
    }

    /// @notice The hash of a purpose's code; zero for a number that is none.
    function ofPurpose(uint256 purpose) internal pure returns (bytes32) {
        if (purpose == uint256(Purpose.TREAT)) return keccak256("TREAT");
        return purpose > uint256(type(Purpose).max) ? bytes32(0) : _at(_PURPOSE_TABLE, purpose);
    }

    /// @notice The EIP-712 hash of a set of purposes as string[], lowest bit first.
    function ofPurposes(uint32 mask) internal pure returns (bytes32 hash) {
        bytes memory table = _PURPOSE_TABLE;
        bytes memory words;
        for (uint256 bit = 0; bit <= uint256(type(Purpose).max); ++bit) {
            if (mask & (uint32(1) << uint32(bit)) != 0) words = bytes.concat(words, _at(table, bit));
        }
        return keccak256(words);
    }

    function ofRole(Role role) internal pure returns (bytes32) {
        if (role == Role.None) return keccak256("none");
        return _at(_ROLE_TABLE, uint256(role));
    }

    function _fold(uint64 mask) private pure returns (bytes32) {
        bytes memory ordinary = _ORDINARY_TABLE;
        bytes memory sensitive = _SENSITIVE_TABLE;
        bytes memory words = new bytes(24 * 32);
        uint256 count;
        for (uint256 bit = 0; bit < 40; ++bit) {
            if (mask & (uint64(1) << uint64(bit)) == 0) continue;
            bytes32 word = bit < 32 ? _at(ordinary, bit) : _at(sensitive, bit - 32);
            assembly ("memory-safe") {
                mstore(add(add(words, 32), mul(count, 32)), word)
            }
            ++count;
        }
        assembly ("memory-safe") {
            mstore(words, mul(count, 32))
        }
        return keccak256(words);
    }

    function _at(bytes memory table, uint256 index) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(table, 32), mul(index, 32)))
        }
    }
}
