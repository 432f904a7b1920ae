from app.api.shared_budget import SeparateBudgets, SharedBudget


def test_an_owner_takes_half_and_newcomers_find_something_left() -> None:
    budget = SharedBudget(16)
    for owner, most in (("a", 8), ("b", 4), ("c", 2), ("d", 1)):
        assert [budget.acquire(owner) for _ in range(most + 1)] == [True] * most + [False]
    assert budget.acquire("e")
    assert budget.held("b") == 4


def test_what_is_given_back_is_free_again() -> None:
    budget = SharedBudget(2)
    assert budget.acquire("a")
    assert not budget.acquire("a")
    budget.release("a")
    assert budget.acquire("b")
    assert (budget.held("a"), budget.held("b")) == (0, 1)


def test_only_who_holds_something_is_over_what_is_left() -> None:
    budget = SharedBudget(10)
    budget.add("a", 25)
    assert budget.exhausted("a")
    assert not budget.exhausted("b")
    budget.release("a", 25)
    assert not budget.exhausted("a")


def test_networks_take_nothing_of_what_accounts_share() -> None:
    budgets = SeparateBudgets(accounts=4, networks=4)
    assert sum(budgets.acquire(f"192.0.2.{number}") for number in range(9)) == 4
    assert [budgets.acquire(1) for _ in range(3)] == [True, True, False]
    budgets.add("192.0.2.1", 9)
    assert budgets.exhausted("192.0.2.1")
    budgets.release(1)
    assert not budgets.exhausted(1)
    assert (budgets.held(1), budgets.held("192.0.2.1")) == (1, 10)
