// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Directive, DirectiveWord} from "../types/Consents.sol";

/// @title DirectiveWords
/// @notice A directive in one word: what a patient signs for, what is stored, what the event reports.
library DirectiveWords {
    uint8 internal constant REVOKED = 1;
    uint8 internal constant LIMITED = 2;

    function permits(DirectiveWord word) internal pure returns (uint64) {
        return uint64(DirectiveWord.unwrap(word));
    }

    function denies(DirectiveWord word) internal pure returns (uint64) {
        return uint64(DirectiveWord.unwrap(word) >> 64);
    }

    function notBefore(DirectiveWord word) internal pure returns (uint40) {
        return uint40(DirectiveWord.unwrap(word) >> 128);
    }

    function expiresAt(DirectiveWord word) internal pure returns (uint40) {
        return uint40(DirectiveWord.unwrap(word) >> 168);
    }

    function flags(DirectiveWord word) internal pure returns (uint8) {
        return uint8(DirectiveWord.unwrap(word) >> 208);
    }

    function version(DirectiveWord word) internal pure returns (uint40) {
        return uint40(DirectiveWord.unwrap(word) >> 216);
    }

    /// @notice The same, revoked, one version on.
    function revoked(DirectiveWord word) internal pure returns (DirectiveWord) {
        uint256 next = uint256(version(word)) + 1;
        uint256 said = DirectiveWord.unwrap(word) & ((1 << 216) - 1);
        return DirectiveWord.wrap(said | (uint256(REVOKED) << 208) | (next << 216));
    }

    function read(DirectiveWord word) internal pure returns (Directive memory) {
        return
            Directive({
                permits: permits(word),
                denies: denies(word),
                notBefore: notBefore(word),
                expiresAt: expiresAt(word),
                flags: flags(word),
                version: version(word)
            });
    }
}
