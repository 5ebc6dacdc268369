//! Makes a folder a project, and gives it a home of its own if asked to.

use crate::client::Daemon;
use crate::context::Context;
use crate::daemon;
use crate::error::Result;
use crate::exit::Exit;
use crate::home;
use crate::output;

pub(crate) async fn carry_out(context: &Context, is_local: bool) -> Result {
    let home = if is_local {
        home::list_local(&context.project, &context.folders)?
    } else {
        context.home.clone()
    };
    daemon::ensure(&home)?;
    let project = Daemon::at(&home)?.project(&context.project).await?;
    if context.is_json {
        output::json(&project);
        return Ok(Exit::Success);
    }
    output::line(format!("{} is project `{}`", project.path, project.name));
    if is_local {
        output::line(format!(
            "its home is {}: keep it out of version control",
            home.path.display()
        ));
    }
    output::note("next: `partita agents`, then `partita run review`");
    Ok(Exit::Success)
}
