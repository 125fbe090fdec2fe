# A week of a payment company's life as commands for `vouch submit`: one JSON object a line.
#
#   awk -f tools/demo-week.awk [-v commands=100000] [-v users=400] [-v shops=40]
#
# The same arguments give the same lines, on every awk: the random numbers are a Lehmer generator
# whose products stay below 2^53. It keeps books of its own, in cents, only to know what it may ask
# for; about one line in a hundred is a repeat and one in a hundred is refused, as in life.
#
# Flows (Dr / Cr): top-up: channel / user. Payment: user / shop pending. Pre-authorisation: hold, then
# capture, release or expiry. Refund before settlement: shop pending / user; after it: shop cash / user.
# Settlement at 02:00: shop pending / shop cash and fees. The bank settles the channel at 06:00: reserve
# and cost / channel. Withdrawal at 10:00: hold of shop cash toward payouts; at 11:00 captured and paid
# out of the reserve, or released. Transfers between users. Revenue split among three partners.

BEGIN {
    if (!commands) commands = 100000
    if (!users) users = 400
    if (!shops) shops = 40
    seed = 20260302
    day_names = "02 03 04 05 06 07 08"
    split(day_names, day_of_month, " ")
    # How busy each hour of the day is.
    split("2 1 1 1 1 2 4 6 8 9 10 11 13 12 10 9 9 10 12 13 11 8 5 3", busy, " ")
    for (h = 1; h <= 24; ++h) busy_day += busy[h]

    open_books()
    for (hour = 0; hour < 168; ++hour) {
        clock = sprintf("2026-03-%sT%02d:00:00Z", day_of_month[int(hour / 24) + 1], hour % 24)
        printf "{\"clock\":\"%s\"}\n", clock
        expire_holds()
        end_holds()
        if (hour % 24 == 2) settle_shops()
        if (hour % 24 == 6) settle_channel()
        if (hour % 24 == 10) withdraw()
        if (hour % 24 == 11) pay_out()
        weight += busy[hour % 24 + 1]
        quota = hour == 167 ? commands : int(opened + (commands - opened) * weight / (7 * busy_day))
        while (lines < quota) live()
    }
}

# --- Chance ---------------------------------------------------------------------------------------

function below(n) {  # 0 to n - 1
    seed = (seed * 16807) % 2147483647
    return seed % n
}
function money(cents) { return sprintf("%d.%02d", int(cents / 100), cents % 100) }

# --- Lines ----------------------------------------------------------------------------------------

function emit(id, body, more) {
    if (lines >= commands) return 0
    last = sprintf("{\"id\":\"%s\",%s%s}", id, body, more)
    print last
    ++lines
    return 1
}
function transfer(id, debit, credit, cents, more) {
    return emit(id, sprintf("\"transfer\":{\"debit\":\"%s\",\"credit\":\"%s\",\"amount\":\"%s\"}", debit, credit,
                            money(cents)), more)
}
function open_account(name, class, more) {
    emit("open:" name, sprintf("\"open_account\":{\"account\":\"%s\",\"asset\":\"EUR/2\",\"class\":\"%s\"%s}", name,
                               class, more), "")
}
function user(u) { return "user:" u ":cash" }
function pending(s) { return "shop:" s ":pending" }
function cash(s) { return "shop:" s ":cash" }

function open_books(    i) {
    open_account("reserve", "asset", ",\"chart_code\":\"1010\"")
    open_account("channel:card", "asset", ",\"chart_code\":\"1020\"")
    open_account("cost:channel", "expense", ",\"chart_code\":\"5010\"")
    open_account("fees", "income", ",\"chart_code\":\"4010\"")
    open_account("capital", "equity", ",\"chart_code\":\"3010\"")
    open_account("payouts", "liability", ",\"chart_code\":\"2090\"")
    for (i = 1; i <= 3; ++i) open_account("partner:" i, "liability", ",\"chart_code\":\"2030\"")
    for (i = 1; i <= users; ++i) {
        open_account(user(i), "liability", ",\"chart_code\":\"2010\",\"owner\":\"user-" i "\"")
    }
    for (i = 1; i <= shops; ++i) {
        open_account(pending(i), "liability", ",\"chart_code\":\"2021\",\"owner\":\"shop-" i "\"")
        open_account(cash(i), "liability", ",\"chart_code\":\"2022\",\"owner\":\"shop-" i "\"")
    }
    transfer("capital:1", "reserve", "capital", 50000000, ",\"kind\":\"transfer\"")
    opened = lines
}

# --- What happens all the time --------------------------------------------------------------------

function live(    what) {
    what = below(1000)
    if (what < 10) {
        if (lines < commands) { print last; ++lines }  # the network sent it twice
    } else if (what < 330) pay()
    else if (what < 560) top_up(1 + below(users))
    else if (what < 720) pay_user()
    else if (what < 850) place_hold()
    else if (what < 920) refund()
    else if (what < 990) split_revenue()
    else overdraw()
}

function top_up(u,    cents) {
    cents = 1000 + 500 * below(40)
    if (!transfer("topup:" ++topups, "channel:card", user(u), cents, ",\"channel\":\"card\",\"kind\":\"top_up\"")) return
    available[u] += cents
    receivable += cents
}

function pay(    u, s, cents) {
    u = 1 + below(users)
    s = 1 + below(shops)
    cents = 199 + below(4800)
    if (available[u] < cents) { top_up(u); return }
    if (!transfer("pay:" ++payments, user(u), pending(s), cents,
                  ",\"context\":\"order-" payments "\",\"kind\":\"payment\"")) return
    available[u] -= cents
    to_settle[s] += cents
    payer[payments] = u
    payee[payments] = s
    paid[payments] = cents
}

function pay_user(    from, to, cents) {
    from = 1 + below(users)
    to = 1 + below(users)
    cents = 100 + below(3000)
    if (from == to || available[from] < cents) { top_up(from); return }
    if (!transfer("send:" ++sends, user(from), user(to), cents, ",\"kind\":\"transfer\"")) return
    available[from] -= cents
    available[to] += cents
}

function overdraw(    u) {
    u = 1 + below(users)
    transfer("refused:" ++overdrafts, user(u), pending(1 + below(shops)), available[u] + 1 + below(100000), "")
}

function refund(    p, s, cents, body) {
    if (payments < 20) { top_up(1 + below(users)); return }
    p = payments - below(payments < 2000 ? payments : 2000)
    s = payee[p]
    if (paid[p] < 100) { pay(); return }
    cents = below(2) ? paid[p] : 1 + below(paid[p])
    body = sprintf("\"refund\":{\"entry\":\"pay:%d\",\"amount\":\"%s\"", p, money(cents))
    if (to_settle[s] >= cents) {
        if (!emit("refund:" ++refunds, body "}", ",\"context\":\"order-" p "\"")) return
        to_settle[s] -= cents
    } else if (free_cash[s] >= cents) {
        if (!emit("refund:" ++refunds, body ",\"from\":\"" cash(s) "\"}", ",\"context\":\"order-" p "\"")) return
        free_cash[s] -= cents
    } else { pay(); return }
    paid[p] -= cents
    available[payer[p]] += cents
}

function split_revenue(    s, gross, first, second) {
    s = 1 + below(shops)
    if (to_settle[s] < 3000) { pay(); return }
    gross = 300 + below(2000)
    first = int(gross * 50 / 100)
    second = int(gross * 30 / 100)
    # The last partner takes what rounding leaves.
    if (!emit("split:" ++splits, sprintf("\"post_entry\":{\"postings\":[{\"account\":\"%s\",\"debit\":\"%s\"}," \
              "{\"account\":\"partner:1\",\"credit\":\"%s\"},{\"account\":\"partner:2\",\"credit\":\"%s\"}," \
              "{\"account\":\"partner:3\",\"credit\":\"%s\"}]}", pending(s), money(gross), money(first),
              money(second), money(gross - first - second)), ",\"kind\":\"payment\"")) return
    to_settle[s] -= gross
}

# --- Pre-authorisations ---------------------------------------------------------------------------

function place_hold(    u, s, cents) {
    u = 1 + below(users)
    s = 1 + below(shops)
    cents = 500 + below(9000)
    if (available[u] < cents) { top_up(u); return }
    if (!emit("hold:" ++holds, sprintf("\"place_hold\":{\"debit\":\"%s\",\"credit\":\"%s\",\"amount\":\"%s\"," \
              "\"expires_in\":\"2h\"}", user(u), pending(s), money(cents)), ",\"context\":\"booking-" holds "\"")) return
    available[u] -= cents
    hold_user[holds] = u
    hold_shop[holds] = s
    held[holds] = cents
    placed[holds] = hour
}

# Two hours after it was placed, what nobody captured or released is free again.
function expire_holds() {
    while (oldest_hold < holds && placed[oldest_hold + 1] <= hour - 2) {
        ++oldest_hold
        available[hold_user[oldest_hold]] += held[oldest_hold]
        delete held[oldest_hold]
    }
}

# An hour after: most are captured, in whole or part, some released, some left to expire.
function end_holds(    h, what, cents) {
    for (h = ended_holds + 1; h <= holds && placed[h] <= hour - 1; ++h) {
        ended_holds = h
        if (lines >= commands - 1) return
        what = below(100)
        if (what < 70) {
            cents = below(3) ? held[h] : 100 + below(held[h] - 100)
            emit("capture:" h, sprintf("\"capture_hold\":{\"hold\":\"hold:%d\",\"amount\":\"%s\"}", h, money(cents)), "")
            to_settle[hold_shop[h]] += cents
        } else if (what < 85) {
            cents = 0
            emit("release:" h, sprintf("\"release_hold\":{\"hold\":\"hold:%d\"}", h), "")
        } else continue
        available[hold_user[h]] += held[h] - cents
        held[h] = 0
    }
}

# --- What happens once a day ----------------------------------------------------------------------

function settle_shops(    s, gross, fee) {
    for (s = 1; s <= shops; ++s) {
        gross = to_settle[s]
        if (gross < 1000) continue
        fee = int(gross * 6 / 1000)
        if (!emit("settle:" s ":" hour, sprintf("\"post_entry\":{\"postings\":[{\"account\":\"%s\",\"debit\":\"%s\"}," \
                  "{\"account\":\"%s\",\"credit\":\"%s\"},{\"account\":\"fees\",\"credit\":\"%s\"}]}", pending(s),
                  money(gross), cash(s), money(gross - fee), money(fee)), ",\"kind\":\"settlement\"")) return
        to_settle[s] = 0
        free_cash[s] += gross - fee
    }
}

function settle_channel(    cost) {
    cost = int(receivable * 2 / 1000)
    if (cost == 0) return
    if (!emit("channel:" hour, sprintf("\"post_entry\":{\"postings\":[{\"account\":\"reserve\",\"debit\":\"%s\"}," \
              "{\"account\":\"cost:channel\",\"debit\":\"%s\"},{\"account\":\"channel:card\",\"credit\":\"%s\"}]}",
              money(receivable - cost), money(cost), money(receivable)), ",\"kind\":\"settlement\"")) return
    receivable = 0
}

function withdraw(    s) {
    for (s = 1; s <= shops; ++s) {
        payout[s] = int(free_cash[s] * 3 / 4)
        if (payout[s] < 1000) { payout[s] = 0; continue }
        if (!emit("payout:" s ":" hour, sprintf("\"place_hold\":{\"debit\":\"%s\",\"credit\":\"payouts\",\"amount\":\"%s\"}",
                  cash(s), money(payout[s])), ",\"kind\":\"withdrawal\"")) return
        free_cash[s] -= payout[s]
    }
}

# The bank's answer, an hour later: one in twenty comes back.
function pay_out(    s, hold) {
    for (s = 1; s <= shops; ++s) {
        if (!payout[s] || lines >= commands - 2) continue
        hold = "payout:" s ":" (hour - 1)
        if (below(20) == 0) {
            emit("returned:" s ":" hour, "\"release_hold\":{\"hold\":\"" hold "\"}", "")
            free_cash[s] += payout[s]
        } else {
            emit("paid:" s ":" hour, "\"capture_hold\":{\"hold\":\"" hold "\"}", "")
            transfer("out:" s ":" hour, "payouts", "reserve", payout[s], ",\"channel\":\"bank\"")
        }
    }
}
