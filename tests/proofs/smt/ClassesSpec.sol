// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Directives} from "../../../contracts/libraries/Directives.sol";

/// @notice Denial beats permission in every set of classes. A class is a bit, so what holds of the words holds of each.
/// @dev Words are what the bounded engine is good at; nothing here has a loop or a state, so its bound bounds nothing.
contract ClassesSpec {
    function nothingDeniedIsGranted(uint64 asked, uint64 denied, uint64 permitted) external pure {
        assert(Directives.fold(asked, denied, permitted) & denied == 0);
    }

    function nothingIsGrantedThatWasNotAsked(uint64 asked, uint64 denied, uint64 permitted) external pure {
        assert(Directives.fold(asked, denied, permitted) & ~asked == 0);
    }

    function nothingIsGrantedThatNobodyPermits(uint64 asked, uint64 denied, uint64 permitted) external pure {
        assert(Directives.fold(asked, denied, permitted) & ~permitted == 0);
    }

    function nothingElseIsWithheld(uint64 asked, uint64 denied, uint64 permitted) external pure {
        uint64 withheld = asked & ~Directives.fold(asked, denied, permitted);
        assert(withheld & ~denied & permitted == 0);
    }

    function moreDenialsNeverGrantMore(uint64 asked, uint64 denied, uint64 more, uint64 permitted) external pure {
        uint64 less = Directives.fold(asked, denied | more, permitted);
        assert(less & ~Directives.fold(asked, denied, permitted) == 0);
    }

    function morePermissionsNeverGrantLess(uint64 asked, uint64 denied, uint64 some, uint64 more) external pure {
        uint64 less = Directives.fold(asked, denied, some);
        assert(less & ~Directives.fold(asked, denied, some | more) == 0);
    }
}
