"""The short help of each page: what it is for, what to do there, where to read more. One entry for a URL name."""

from __future__ import annotations

from typing import NamedTuple


class Help(NamedTuple):
    """A page's title in the help, and its sentences, one paragraph each."""

    title: str
    words: tuple[str, ...]


PAGES: dict[str, Help] = {
    "queue": Help(
        "The queue",
        (
            "What waits for you, the most urgent first: late, then risky, then costly, then old.",
            "Move with the arrows; the item is read in the pane beside the list, or on its own page.",
            "A decision can be taken back until it is released.",
            "Rows that others decide are struck out; new ones wait behind a button, and nothing moves by itself.",
            "Type into the search, or open the filters. Everything that changes the list is in the address.",
            "What is selected stays selected behind another search: the bar counts it, lists it and drops it.",
        ),
    ),
    "views": Help(
        "Views of the queue",
        (
            "A view is a search with a name. Yours come first; g and a digit go to the first nine.",
            "The default view is what the queue opens with. A lead can share a view with a team; reach stays as it is.",
        ),
    ),
    "detail": Help(
        "One item",
        (
            "Read from the top: what is asked, why a person is asked, what exactly would be done, and the evidence.",
            "What the agent says about itself comes last. What you approve is the bytes, shown as they are under Raw.",
            "Text in a dashed frame comes from outside or from the agent; it can say anything.",
            "When somebody else changes it, a button above the verdicts says who; a full stop reads it again.",
        ),
    ),
    "edit": Help(
        "Editing",
        (
            "The form follows the schema of the type. Saving makes a new revision; earlier approvals are void.",
            "Save and approve is one step. Where others must approve what you wrote, one of them gets it.",
        ),
    ),
    "decide": Help(
        "Deciding",
        ("Pick a reason, or write one. What changed since you opened it is never decided: you are told instead.",),
    ),
    "ask": Help("Asking", ("The item leaves the queue until the agent, or its owner, has answered.",)),
    "escalate": Help("Escalating", ("Another team gets the item, with your reason. You can still see it.",)),
    "defer": Help("Deferring", ("The item comes back at the time you choose. Its deadline runs on.",)),
    "batch_preview": Help(
        "Several at once",
        (
            "Look the table over; the odd one is marked. What may not be decided in a batch is left out and named.",
            "What goes against its precedents needs a reason, or is left out with one button.",
        ),
    ),
    "batch": Help("Several at once", ("Each item has a result of its own. One button takes the whole batch back.",)),
    "assign": Help(
        "Giving it to somebody",
        ("Type a name. Who can decide it comes first, the least busy before the others; who cannot says why.",),
    ),
    "bulk": Help(
        "Many at once",
        ("Give, claim, put off, tag or escalate up to 500 items. Nothing is decided by it.",),
    ),
    "seed_check": Help(
        "Use as a check",
        ("Take a case that was decided and make something wrong with it. It enters the queue like anything else.",),
    ),
    "checks": Help(
        "Checks",
        ("What became of the checks that are over. Which ones still wait is shown to nobody.",),
    ),
    "stats": Help(
        "My day",
        (
            "Your own decisions: how many, how quickly, how often you changed what was asked. Only you see this.",
            "Every table has a CSV; time, queue and type are in the address.",
        ),
    ),
    "insights_team": Help(
        "Team",
        (
            "Who has what in hand, who is away, and whether enough people may decide each type. For leads.",
            "What was decided is shown for everybody together, and only where three people or more are behind it.",
        ),
    ),
    "insights_queue": Help(
        "Queue health",
        (
            "What comes in and goes out, what waits and since when, and which deadlines were missed.",
            "A queue that nobody mans is an alarm: what waits there only expires.",
        ),
    ),
    "insights_quality": Help(
        "Decision quality",
        (
            "How often people changed, refused or took back, with 95 % intervals, and what came of what they approved.",
            "These are counts of what was decided, not of what was right: there is no calibration yet.",
        ),
    ),
    "insights_agents": Help(
        "Agents",
        (
            "What each agent version proposed, what became of it, and its stated confidence beside what people said.",
            "Runs that stop for people more than three times are named: that tires people and slows the work.",
        ),
    ),
    "incidents": Help(
        "Incidents",
        (
            "Open one with the cases it is about; its time to report begins. Close it with how it ended.",
            "The whole story of an incident's cases is report R12.",
        ),
    ),
    "audit:reports": Help(
        "Reports", ("Fourteen questions to the record, each with its answer as a page and as files.",)
    ),
    "audit:report": Help(
        "One report",
        ("The filters are in the address. That you read it, or take it away as a file, is itself recorded.",),
    ),
    "settings": Help(
        "Settings", ("How the desk looks and behaves for you, and what it mails to you. Nobody else is affected.",)
    ),
    "confirm": Help(
        "Confirming that it is you",
        (
            "Approving high risk and changing accounts need a sign-in that is minutes old.",
            "The password does, or a code or key where you have added one in the settings. What you typed is kept.",
        ),
    ),
    "people": Help(
        "People",
        (
            "Who is here, away, invited or gone, and what each is qualified for.",
            "Open a person to record a qualification, plan an absence, or hand over what lies on the desk.",
        ),
    ),
    "person": Help(
        "One person",
        (
            "Who stands in gets the work of who is away, not their authority.",
            "A qualification ends by itself; authority that names it then no longer holds.",
        ),
    ),
    "invite": Help(
        "Inviting",
        ("The link works once within seven days. It is shown here even if no letter could be sent.",),
    ),
    "help": Help("Help", ("Each page has its own: the question mark beside your name, or the key ?.",)),
    "go": Help("Go to", ("Every page you may open, your saved views, and any item by its number.",)),
    "agents:runs": Help(
        "Runs",
        ("What the agents are doing: running, waiting for a decision, blocked or ended. Open one to see its steps.",),
    ),
    "agents:run": Help(
        "One run",
        (
            "Each step as it was recorded, and what the run waits for.",
            "A blocked run met code that has changed: fork it from the step before.",
        ),
    ),
    "agents:start": Help("Starting a run", ("Choose an agent and fill in its form. It can be cancelled on its page.",)),
    "agents:import": Help(
        "Import", ("Upload recorded conversations to see what policy would have done with their calls.",)
    ),
    "agents:outbox": Help("Outbox", ("What the sample agents would have sent. Nothing leaves this machine.",)),
    "audit:integrity": Help(
        "Integrity",
        ("Whether the record is whole, when that was last checked, and how somebody outside can check it.",),
    ),
    "audit:events": Help(
        "Events",
        (
            "Everything that was recorded, newest first. Open a case to read it in order.",
            "A case is found by its number too, such as ACT-1017, in its own field or among the words.",
        ),
    ),
    "audit:case": Help("One case", ("All that was recorded about one action, with the proof for each line.",)),
    "audit:export": Help("Export", ("Take a stretch of the record away, with all that is needed to verify it.",)),
    "view_new": Help("A new view", ("Name the search; it appears among the tabs of the queue.",)),
    "view": Help("A view", ("Change its name, its search or its order, or put it away.",)),
    "print": Help("On paper", ("Everything unfolded, secrets masked, with the digest of what was decided on.",)),
    "action": Help(
        "One action",
        ("The same page as in the queue, for what was let through or rejected without a person, too.",),
    ),
    "withdraw": Help("Withdrawing", ("Stops what was approved and has not started. The agent is told.",)),
    "reverse": Help("Reversing", ("Proposes the opposite, as an action of its own that has to be approved.",)),
    "settle": Help(
        "In doubt", ("The effect began and nobody confirmed it. Look outside for its key before you answer.",)
    ),
    "mfa_activate_totp": Help(
        "Authenticator app",
        ("Scan the code with the app, and type the number it shows. Keep the recovery codes elsewhere.",),
    ),
    "mfa_add_webauthn": Help(
        "Security key", ("Follow your browser. A second key spares you the day you lose the first.",)
    ),
    "audit:erase": Help(
        "Erasing texts",
        ("Texts go; what was decided, by whom and when stays, and so do the proofs. A legal hold prevents it.",),
    ),
    "audit:erasures": Help("Erasures", ("What was erased, when, by whom and why.",)),
    "audit:holds": Help("Legal holds", ("While a hold stands, nothing it covers can be erased or pruned.",)),
    "audit:retention": Help(
        "Retention",
        (
            "How long each kind of event is kept at least, and which old ones went.",
            "Nothing goes unless a person orders it.",
        ),
    ),
    "audit:period": Help("A period", ("Six months at least. A shorter period prunes nothing by itself.",)),
    "audit:prune": Help(
        "Pruning",
        (
            "Look first at what would go and what stays; then order exactly that, with a reason.",
            "Every proof stays valid.",
        ),
    ),
}
GENERAL = Help(
    "Help",
    ("Agents propose actions here; people approve, edit or reject them, and everything is recorded.",),
)


def about(page: str) -> Help:
    """The help of a page; pages that have none get the general one."""
    return PAGES.get(page, GENERAL)
