// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CanaryCounter} from "../../contracts/mocks/CanaryCounter.sol";
import {Kit} from "../forge/Kit.sol";

/// @notice Makes only calls that must succeed, so that a campaign may fail on any revert.
contract CounterHandler is Kit {
    uint256 public constant LIMIT = 40;
    CanaryCounter public immutable COUNTER;
    uint256 public ghostTotal;

    constructor() {
        COUNTER = CanaryCounter(deploy("CanaryCounter", abi.encode(LIMIT)));
    }

    function count() external {
        if (ghostTotal == LIMIT) return;
        COUNTER.count();
        ghostTotal++;
    }
}

/// @notice The smallest fuzz test and invariant: they show the form, and that the runner runs.
contract CanaryCounterTest is Kit {
    CounterHandler private _handler;

    function setUp() public {
        _handler = new CounterHandler();
        targetContract(address(_handler));
    }

    function test_prop_count__given_any_limit__never_passes_it(uint8 limit, uint8 tries) public {
        CanaryCounter counter = CanaryCounter(deploy("CanaryCounter", abi.encode(limit)));
        for (uint256 i = 0; i < tries; i++) {
            if (i >= limit) {
                vm.expectRevert(abi.encodeWithSelector(CanaryCounter.CanaryCounter_LimitReached.selector, limit));
            }
            counter.count();
        }
        vm.assertEq(counter.totalOf(), tries < limit ? tries : limit, "total is min(tries, limit)");
    }

    function test_count__when_stranger__reverts_not_owner(address stranger) public {
        vm.assume(stranger != address(this));
        CanaryCounter counter = CanaryCounter(deploy("CanaryCounter", abi.encode(1)));
        vm.expectRevert(
            abi.encodeWithSelector(CanaryCounter.CanaryCounter_NotOwner.selector, stranger, address(this))
        );
        vm.prank(stranger);
        counter.count();
    }

    function invariant_total_equals_ghost_and_stays_below_limit() public view {
        uint256 total = _handler.COUNTER().totalOf();
        vm.assertEq(total, _handler.ghostTotal(), "total equals the handler's own count");
        vm.assertLe(total, _handler.LIMIT(), "total stays below the limit");
    }
}
