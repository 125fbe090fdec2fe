"""Plays the example of vouch's README, and more, against a running server: example.py URL"""

import json
import sys
import time

import httpx

from vouch_client import Client
from vouch_client.api.commands import submit
from vouch_client.api.questions import account_statement, balance, outcome, trial_balance
from vouch_client.models import (
    Balance,
    Command,
    CommandCaptureHold,
    CommandOpenAccount,
    CommandOpenAccountClass,
    CommandOutcome,
    CommandPlaceHold,
    CommandRefund,
    CommandReleaseHold,
    CommandTransfer,
    OutcomeLine,
    OutcomeWord,
    Problem,
    StatementPage,
    TrialBalance,
)
from vouch_client.types import UNSET, Unset

ATTEMPTS = 10


def send(client: Client, command: Command) -> OutcomeLine:
    """What became of a command. Its id is its key: whenever no outcome came, the same is sent again,
    and is decided once."""
    for _ in range(ATTEMPTS):
        try:
            answer = submit.sync(client=client, body=command)
        except httpx.TransportError:
            answer = None
        if isinstance(answer, OutcomeLine):
            return answer
        if isinstance(answer, Problem) and answer.status != 503:
            raise RuntimeError(f"{answer.type_.value}: {answer.detail}")
        time.sleep(0.5)
    raise RuntimeError(f"no outcome of {command.id}: send it again later")


def show(told: OutcomeLine) -> OutcomeLine:
    available = "" if isinstance(told.available, Unset) else f", available {told.available}"
    print(f"{told.id} {told.outcome.value}{available}")
    return told


def transfer(id: str, debit: str, credit: str, amount: str, context: str | Unset = UNSET) -> Command:
    return Command(id=id, transfer=CommandTransfer(debit, credit, amount), context=context)


def open_account(id: str, name: str, class_: CommandOpenAccountClass, limit: str | Unset = UNSET) -> Command:
    return Command(id=id, open_account=CommandOpenAccount(name, "EUR/2", class_, limit=limit))


def play_readme(client: Client) -> None:
    asset, liability = CommandOpenAccountClass.ASSET, CommandOpenAccountClass.LIABILITY
    show(send(client, open_account("o1", "cash", asset, "unlimited")))
    show(send(client, open_account("o2", "alice", liability)))
    show(send(client, open_account("o3", "shop", liability)))
    top_up = transfer("t1", "cash", "alice", "10.00", context="order-7")
    first = show(send(client, top_up))
    hold = CommandPlaceHold("alice", "4.00", credit="shop", expires_in="60s")
    show(send(client, Command(id="h1", place_hold=hold)))
    show(send(client, Command(id="c1", capture_hold=CommandCaptureHold("h1", amount="3.00"))))
    refused = show(send(client, transfer("t2", "alice", "shop", "99.00")))
    assert not refused.accepted and refused.outcome is OutcomeWord.INSUFFICIENT_FUNDS
    assert show(send(client, top_up)) == first
    show_balance(client, "alice")
    totals = trial_balance.sync(client=client, at_least="end")
    assert isinstance(totals, TrialBalance)
    for line in totals.assets:
        print(f"{line.asset} {line.debits_posted} {line.credits_posted} {'even' if line.even else 'NOT EVEN'}")


def show_balance(client: Client, account: str) -> None:
    found = balance.sync(account, client=client, at_least="end")
    assert isinstance(found, Balance)
    print(f"{account} {found.balance}, available {found.available}, version {found.version}")


def play_more(client: Client) -> None:
    show(send(client, Command(id="r1", refund=CommandRefund("t1", amount="2.00"))))
    show(send(client, Command(id="h2", place_hold=CommandPlaceHold("alice", "1.00"))))
    show(send(client, Command(id="l1", release_hold=CommandReleaseHold("h2"))))
    show(send(client, transfer("t1", "cash", "alice", "11.00")))  # its id is taken
    malformed = submit.sync(client=client, body=transfer("t3", "cash", "alice", "ten"))
    assert isinstance(malformed, Problem)
    print(f"t3 {malformed.status} {malformed.type_.value}, {malformed.field}")
    nobody = balance.sync("nobody", client=client)
    assert isinstance(nobody, Problem)
    print(f"nobody {nobody.status} {nobody.type_.value}")
    asked = outcome.sync("t2", client=client, at_least="end")
    assert isinstance(asked, CommandOutcome) and isinstance(asked.outcome, OutcomeWord)
    assert isinstance(asked.asked.transfer, CommandTransfer)
    print(f"t2 {asked.command.value} {asked.asked.transfer.amount}: {asked.outcome.value}")
    cursor: str | Unset = UNSET
    pages = 0
    while pages == 0 or not isinstance(cursor, Unset):
        page = account_statement.sync("alice", client=client, page_size=2, cursor=cursor, at_least="end")
        assert isinstance(page, StatementPage)
        for row in page.postings:
            print(f"alice {row.side.value} {row.amount} by {row.entry}, then {row.balance}")
        cursor = page.next_
        pages += 1
    print(f"{pages} pages")


def play_large(client: Client) -> None:
    """Amounts are texts, and stay whole where a floating-point number would not. Here as lines of one
    request, by the client below the generated one."""
    commands = [
        open_account("o4", "mint", CommandOpenAccountClass.ASSET, "unlimited"),
        open_account("o5", "vault", CommandOpenAccountClass.LIABILITY),
        transfer("t4", "mint", "vault", "90071992547409.93"),
        transfer("t5", "mint", "vault", "12345678901234567890123456789.01"),
    ]
    answer = client.get_httpx_client().post(
        "/v1/commands",
        content="\n".join(json.dumps(command.to_dict()) for command in commands),
        headers={"Content-Type": "application/x-ndjson"},
    )
    for line in answer.raise_for_status().text.splitlines():
        show(OutcomeLine.from_dict(json.loads(line)))
    show_balance(client, "vault")


def main() -> None:
    with Client(sys.argv[1], timeout=httpx.Timeout(30)) as client:
        play_readme(client)
        play_more(client)
        play_large(client)


main()
