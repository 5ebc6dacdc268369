//! What waits for a person, and the person's answers.

use crate::commands::run::short;
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{self, Tone, counted, safe, safe_line};
use api::{Answer, Attention, Choice};

pub(crate) async fn list(context: &Context) -> Result {
    let daemon = context.daemon()?;
    let open = daemon.all_attention().await?;
    if context.is_json {
        output::json(&open);
        return Ok(Exit::Success);
    }
    if open.items.is_empty() {
        output::note("nothing waits for you");
        let stuck = daemon.status().await?.counts.work_units.needs_attention;
        if stuck > 0 {
            let units = counted(stuck, "work unit");
            output::note(format!("{units} could not be done: `partita ps` lists them"));
        }
    }
    for item in &open.items {
        show(item);
    }
    Ok(Exit::Success)
}

fn show(item: &Attention) {
    let id = item.id.to_string();
    output::line(format!(
        "{}  {}  {}",
        Tone::Strong.paint(short(&id)),
        Tone::Waiting.paint(item.kind.word()),
        safe_line(&item.title)
    ));
    for line in safe(&item.body).lines().take(20) {
        output::line(format!("    {line}"));
    }
    if item.choices.is_empty() {
        return;
    }
    let choices: Vec<&str> = item.choices.iter().map(|choice| choice.word()).collect();
    output::line(format!("    partita answer {} {}", short(&id), choices.join("|")));
}

pub(crate) async fn answer(context: &Context, id: &str, choice: &str, text: String) -> Result {
    let choice: Choice = choice.parse().map_err(|error: api::NotAWord| {
        CliError::new(Exit::Usage, "bad_word", format!("`{choice}` is no answer"))
            .hint(format!("use one of {}", error.known.join(", ")))
    })?;
    let daemon = context.daemon()?;
    let open = daemon.all_attention().await?.items;
    let found: Vec<&Attention> = open
        .iter()
        .filter(|item| item.id.to_string().starts_with(id))
        .collect();
    let [item] = found.as_slice() else {
        let what = if found.is_empty() {
            "nothing that waits has this id"
        } else {
            "several that wait begin like this"
        };
        return Err(CliError::new(
            Exit::NotFound,
            "unknown_attention",
            format!("cannot answer `{id}`"),
        )
        .because(what)
        .hint("`partita attention` lists what waits"));
    };
    let text = Some(text).filter(|text| !text.is_empty());
    daemon
        .answer(
            item.id,
            &Answer {
                choice,
                text,
                trusts: item.trusts.clone(),
            },
        )
        .await?;
    if context.is_json {
        output::json(&serde_json::json!({ "answered": item.id, "choice": choice }));
    } else {
        output::line(format!("answered {}: {}", choice.word(), safe_line(&item.title)));
    }
    Ok(Exit::Success)
}
