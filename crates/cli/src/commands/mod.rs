//! One file per noun: each command asks the daemon, shows the answer, and says what could come next.

mod agents;
mod attention;
mod completions;
mod demo;
mod doctor;
mod flows;
mod init;
mod life;
mod logs;
mod run;
mod run_changes;
mod ui;
mod work_unit;
mod worktree;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::error::Result;

/// Carries out what the command line says.
pub(crate) async fn carry_out(cli: Cli, context: Context) -> Result {
    match cli.command {
        Command::Start(arguments) => life::start(&context, &arguments).await,
        Command::Stop(arguments) => life::stop(&context, &arguments),
        Command::Status => life::status(&context).await,
        Command::Ps { tasks: false } => work_unit::list(&context).await,
        Command::Ps { tasks: true } => logs::tasks(&context).await,
        Command::WorkUnit(command) => work_unit::carry_out(&context, command).await,
        Command::Run(arguments) => run::carry_out(&context, arguments).await,
        Command::Flows { name } => flows::carry_out(&context, name).await,
        Command::Agents { command } => agents::carry_out(&context, command).await,
        Command::Worktree(command) => worktree::carry_out(&context, command).await,
        Command::Logs(arguments) => logs::carry_out(&context, arguments).await,
        Command::Attention => attention::list(&context).await,
        Command::Answer { id, choice, text } => attention::answer(&context, &id, &choice, text).await,
        Command::Doctor => doctor::carry_out(&context).await,
        Command::Demo(arguments) => demo::carry_out(&context, arguments).await,
        Command::Init { local } => init::carry_out(&context, local).await,
        Command::Ui(arguments) => ui::carry_out(&context, &arguments).await,
        Command::Completions { shell } => completions::carry_out(shell),
        Command::Daemon { port } => crate::serve::run(&context, port).await,
    }
}
