//! What the daemon is given to do: every piece of work appends its task to a file outside, of its own accord.

use crate::world::World;

/// A reader, two writers side by side, their merge, a writer with a gate, a last look.
const WORK: &str = r#"
name = "work"
category = "authoring"
summary = "Everything that a run can consist of."

[input.question]
default = "what is there to do"

[size.small]
parts = ["a", "b"]

[size.medium]
parts = ["a", "b", "c", "d"]

[size.large]
parts = ["a", "b", "c", "d", "e", "f", "g", "h"]

[[step]]
id = "look"
kind = "command"
command = "@EFFECT@"

[[step]]
id = "part"
kind = "command"
access = "write"
each = "size.parts"
needs = ["look"]
command = "echo {{ item }} > part-{{ item }}.txt; @EFFECT@"

[[step]]
id = "together"
kind = "merge"
needs = ["part"]

[[step]]
id = "polish"
kind = "agent"
access = "write"
needs = ["together"]
gate = "test -f part-a.txt && test -f polished.txt"
retry = { max = 3, base = "5ms", cap = "10ms" }
prompt = "Polish what was made."

[[step]]
id = "check"
kind = "command"
needs = ["polish"]
command = "test -f polished.txt; @EFFECT@"
"#;

/// One writer, whose change is the last that happens.
const CHANGE: &str = r#"
name = "change"
category = "authoring"
summary = "One change."

[input.question]
default = "what is there to do"

[[step]]
id = "change"
kind = "command"
access = "write"
command = "echo changed > changed.txt; @EFFECT@"
"#;

/// One small thing, as a work unit wants it.
const SMALL: &str = r#"
name = "small"
category = "analysis"
summary = "One small thing."

[input.question]
default = "what is there to do"

[[step]]
id = "look"
kind = "command"
command = "@EFFECT@"
"#;

/// An agent that meets a usage limit at its first try.
const LIMITED: &str = r#"
name = "limited"
category = "analysis"
summary = "Meets a limit."

[input.question]
default = "what is there to do"

[[step]]
id = "meet"
kind = "agent"
prompt = "Meet the limit."
"#;

/// Work that goes on until it is stopped.
const LONG: &str = r#"
name = "long"
category = "analysis"
summary = "Goes on and on."

[input.question]
default = "what is there to do"

[size.small]
parts = [1, 2]

[size.medium]
parts = [1, 2, 3, 4]

[size.large]
parts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]

[[step]]
id = "wait"
kind = "command"
each = "size.parts"
command = "{% if item in [3, 7] %}trap 'echo $PARTITA_TASK >> @EFFECTS@/asked.txt' TERM; {% endif %}echo $PARTITA_TASK >> @EFFECTS@/begun.txt; while ! test -e @EFFECTS@/go; do sleep 0.3; done; @EFFECT@"

[[step]]
id = "after"
kind = "command"
needs = ["wait"]
command = "@EFFECT@"
"#;

/// An agent that never ends by itself, and beside it a command.
const LIVE: &str = r#"
name = "live"
category = "analysis"
summary = "An agent and a command that go on and on."

[input.question]
default = "what is there to do"

[[step]]
id = "talk"
kind = "agent"
prompt = "Hang there."

[[step]]
id = "wait"
kind = "command"
command = "while ! test -e @EFFECTS@/go; do sleep 0.3; done; @EFFECT@"
"#;

/// Asks a person in its middle.
const ASKS: &str = r#"
name = "asks"
category = "analysis"
summary = "Asks a person."

[input.question]
default = "what is there to do"

[[step]]
id = "shall"
title = "Shall it be done?"
kind = "approval"

[[step]]
id = "do"
kind = "command"
needs = ["shall"]
command = "@EFFECT@"
"#;

const SCRIPT: &str = r#"
[[scene]]
match = ["Polish what was made"]
do = [
    { write = { path = "polished.txt", content = "polished" } },
    { append = { path = "@{env:EFFECTS}", line = "@{env:PARTITA_TASK}" } },
    { say = "Done." },
]

[[scene]]
match = ["Hang there"]
do = [{ hang = true }]

[[scene]]
match = ["Meet the limit"]
attempt = 1
do = [{ fail = { with = "usage_limit", resets_in_s = 1 } }]

[[scene]]
match = ["Meet the limit"]
do = [
    { append = { path = "@{env:EFFECTS}", line = "@{env:PARTITA_TASK}" } },
    { say = "Done." },
]
"#;

/// A line of its own in one write, in the middle of a moment that a kill can hit.
const EFFECT: &str = "sleep 0.01; echo $PARTITA_TASK >> @EFFECTS@/effects.txt; sleep 0.01";

pub(crate) fn write(world: &World) {
    let effects = world.path("effects");
    let effects = effects.to_str().unwrap();
    for (name, flow) in [
        ("work", WORK),
        ("change", CHANGE),
        ("small", SMALL),
        ("limited", LIMITED),
        ("long", LONG),
        ("live", LIVE),
        ("asks", ASKS),
    ] {
        let flow = flow.replace("@EFFECT@", EFFECT).replace("@EFFECTS@", effects);
        world.write(&format!("project/.partita/flows/{name}.toml"), &flow);
    }
    world.write("script.toml", SCRIPT);
}
