//! Owns: what a task needs before its process exists: program, login, home, files, sandbox. Everything that can be
//! missing is found missing here, before anything runs.

use crate::account::LoggedIn;
use crate::descriptor::{Descriptor, Holes, Manner, fill, fill_text};
use crate::dialect::{Brief, DialectKind};
use crate::fleet::Fleet;
use crate::harness::{Caps, Prepared, SetUp};
use crate::home::Home;
use crate::install::{Installed, expand, find};
use crate::process::MARKER;
use crate::sandbox::{Bounds, InForce, Policy, Program, Sandbox, unseen};
use domain::{Access, Name, Network};
use engine::faults::{Control, is_off};
use engine::ports::{BeginError, Setup, WorkOrder};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Whether an agent could begin a task with that access.
pub(crate) fn ready(fleet: &Fleet, agent: &str, access: Access) -> Result<(), BeginError> {
    let descriptor = fleet.descriptor(agent)?;
    enforceable(&fleet.in_force, descriptor, access)?;
    installed(fleet, agent, descriptor)?;
    logged_in(fleet, agent, descriptor)?;
    Ok(())
}

/// Prepares a task.
pub(crate) async fn prepare(fleet: &Fleet, order: WorkOrder) -> Result<Prepared, BeginError> {
    let agent = order.agent.as_str().to_owned();
    let descriptor = fleet.descriptor(&agent)?.clone();
    enforceable(&fleet.in_force, &descriptor, order.access)?;
    let installed = installed(fleet, &agent, &descriptor)?;
    let login = logged_in(fleet, &agent, &descriptor)?;
    if !order.place.is_dir() {
        return Err(BeginError::Missing(format!(
            "the working copy {} is not there",
            order.place.display()
        )));
    }
    let ready = Ready {
        descriptor,
        installed,
        login,
        agent,
    };
    let homes = fleet.homes();
    let (wanted, synced) = (order.clone(), ready.login.files.clone());
    let (agent, logins) = (ready.agent.clone(), Arc::clone(&fleet.logins));
    let making = tokio::task::spawn_blocking(move || {
        let home = Home::prepare(&homes, wanted.run, &wanted.key, &agent)?;
        let files = home.put_files(&wanted.files)?;
        let earlier = || crate::home::of_agent(&homes, &agent);
        let member = synced.map(|synced| logins.join(synced, home.holder(), earlier));
        Ok((home, files, member.transpose()?))
    });
    let made = making
        .await
        .map_err(|error| BeginError::Failed(error.to_string()))?;
    let (home, files, member) = made.map_err(begin_error)?;
    let mut prepared = ready.put_together(fleet, order, home, &files)?;
    prepared.login = member;
    Ok(prepared)
}

/// What was found for an agent.
struct Ready {
    agent: String,
    descriptor: Descriptor,
    installed: Installed,
    login: LoggedIn,
}

impl Ready {
    fn put_together(
        self,
        fleet: &Fleet,
        order: WorkOrder,
        home: Home,
        files: &[(String, PathBuf)],
    ) -> Result<Prepared, BeginError> {
        let descriptor = &self.descriptor;
        let model = order.model.clone().or_else(|| descriptor.model.clone());
        if descriptor.needs_model && model.is_none() {
            let hint = format!(
                "`{}` must be told its model: set `model` under [agents.{}] in agents.toml",
                self.agent, self.agent
            );
            return Err(BeginError::Missing(hint));
        }
        let holes = self.holes(&home, &order, model.as_deref());
        let manners = self.manners(order.access);
        write_files(descriptor, &manners, &holes, &home).map_err(begin_error)?;
        let bounds = bounds(&fleet.in_force);
        let mut policy = self.policy(fleet, &order, &home);
        policy.unseen = self.unseen(&order, &bounds)?;
        let setup = order.setup.as_ref();
        let setup = setup
            .map(|setup| self.setup(fleet, (&order, setup), &home))
            .transpose()?;
        let is_sandboxed = bounds.sandbox != Sandbox::None;
        let named = manners
            .iter()
            .rev()
            .find_map(|manner| fill(manner.model.as_deref()?, &holes));
        let brief = Brief {
            prompt: prompt(&order.prompt, files),
            cwd: order.place.clone(),
            access: order.access,
            is_sandboxed,
            mode: mode(&manners, fleet.in_force.nests || !is_sandboxed)
                .filter(|_| order.access == Access::Write || !is_off(Control::PlanMode)),
            model: named
                .or(model)
                .filter(|_| !manners.iter().any(|manner| manner.is_model_told)),
            resume: None,
            session_total: None,
            zone: jiff::tz::TimeZone::system(),
        };
        let mut line = self.installed.line.clone();
        let arguments = descriptor
            .args
            .iter()
            .chain(manners.iter().flat_map(|manner| &manner.args));
        line.extend(arguments.filter_map(|argument| fill(argument, &holes)));
        let environment = self.environment(fleet, &order, &manners, &holes);
        let account = Name::from(format!("{}/{}", self.agent, self.login.account));
        let head = fleet.config.transcript_max;
        Ok(Prepared {
            kind: descriptor.dialect,
            brief,
            program: Program { line, environment },
            policy,
            bounds,
            setup,
            end: descriptor.end,
            account,
            login: None,
            temporary: vec![home.temporary, home.empty, home.files],
            caps: Caps { head, tail: head / 8 },
            starts: Arc::clone(&fleet.starts),
            clock: Arc::clone(&fleet.config.clock),
            order,
        })
    }

    fn holes(&self, home: &Home, order: &WorkOrder, model: Option<&str>) -> Holes {
        let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let mut holes = Holes::from([
            ("home", text(&home.home)),
            ("files", text(&home.files)),
            ("place", text(&order.place)),
        ]);
        holes.extend(model.map(|model| ("model", model.to_owned())));
        let base = self
            .descriptor
            .base_url
            .as_deref()
            .map(|url| url.trim_end_matches('/').to_owned());
        holes.extend(base.map(|url| ("base_url", url)));
        holes
    }

    /// What is added, later ones winning.
    fn manners(&self, access: Access) -> Vec<Manner> {
        let descriptor = &self.descriptor;
        let mut manners = vec![match access {
            Access::Read => descriptor.read.clone(),
            Access::Write => descriptor.write.clone(),
        }];
        if self.login.is_keyed {
            manners.push(descriptor.keyed.clone());
        }
        if descriptor.base_url.is_some() {
            manners.push(descriptor.gateway.clone());
        }
        manners
    }

    fn policy(&self, fleet: &Fleet, order: &WorkOrder, home: &Home) -> Policy {
        let user = &fleet.config.user_home;
        let chosen = &fleet.config.catalog.sandbox;
        let listed = |common: &[String], own: &[String]| -> Vec<PathBuf> {
            common.iter().chain(own).map(|path| expand(path, user)).collect()
        };
        let mut readable = listed(&chosen.readable, &self.descriptor.readable);
        readable.extend(chosen.path.iter().map(|path| expand(path, user)));
        readable.extend(self.installed.roots.iter().cloned());
        readable.extend(self.shown_paths(fleet));
        readable.extend(order.readable.iter().cloned());
        readable.push(home.files.clone());
        Policy {
            place: order.place.clone(),
            access: if is_off(Control::TreeReadOnly) {
                Access::Write
            } else {
                order.access
            },
            protects_tree: true,
            unseen: Vec::new(),
            network: if is_off(Control::NetworkClosed) {
                Network::Open
            } else {
                order.network
            },
            home: Some(home.home.clone()),
            temporary: home.temporary.clone(),
            readable,
            writable: listed(&chosen.writable, &self.descriptor.writable),
        }
    }

    /// What of the working copy it must not see. Where that cannot be, it does not start: its key might go astray.
    fn unseen(&self, order: &WorkOrder, bounds: &Bounds) -> Result<Vec<PathBuf>, BeginError> {
        if is_off(Control::FilesUnseen) {
            return Ok(Vec::new());
        }
        let found = unseen(&order.place, &self.descriptor.obeys);
        let open = match (&found, bounds.sandbox) {
            (Err(name), _) => (*name).to_owned(),
            (Ok(files), Sandbox::Landlock | Sandbox::None) if !files.is_empty() => files[0]
                .strip_prefix(&order.place)
                .unwrap_or(&files[0])
                .display()
                .to_string(),
            (Ok(_), _) => return Ok(found.unwrap_or_default()),
        };
        Err(BeginError::Unenforceable(format!(
            "agent `{}` would obey `{open}` of the working copy, which may send its key elsewhere and cannot be hidden \
             here: use bubblewrap, take the file out of the repository, or choose another agent",
            self.agent
        )))
    }

    /// The project's own command: in the task's sandbox, but with a home that holds no login.
    fn setup(
        &self,
        fleet: &Fleet,
        (order, setup): (&WorkOrder, &Setup),
        home: &Home,
    ) -> Result<SetUp, BeginError> {
        if fleet.in_force.bounds.sandbox == Sandbox::None {
            return Err(BeginError::Unenforceable(
                "the project sets its working copies up with a command, which runs in a sandbox only: install \
                 bubblewrap, or take `setup` out of .partita/partita.toml"
                    .to_owned(),
            ));
        }
        let (own, user) = (home.setup.join("home"), &fleet.config.user_home);
        let chosen = &fleet.config.catalog.sandbox;
        let listed = |paths: &[String]| paths.iter().map(|path| expand(path, user)).collect::<Vec<_>>();
        let (path, mut readable) = (listed(&chosen.path), listed(&chosen.readable));
        readable.extend(path.iter().chain(&order.readable).cloned());
        let mut environment = crate::environment::basic(&fleet.config.environment, &path);
        if setup.network == Network::Open {
            environment.extend(crate::environment::proxies(&fleet.config.environment));
        }
        environment.push(("HOME".to_owned(), own.to_string_lossy().into_owned()));
        environment.push((MARKER.to_owned(), order.task.to_string()));
        Ok(SetUp {
            program: Program {
                line: vec!["/bin/sh".to_owned()],
                environment,
            },
            policy: Policy {
                place: order.place.clone(),
                access: Access::Write,
                protects_tree: true,
                unseen: Vec::new(),
                network: setup.network,
                home: Some(own),
                temporary: home.setup.join("tmp"),
                readable,
                writable: listed(&chosen.writable),
            },
            command: setup.command.clone(),
            timeout_ms: setup.timeout_ms,
            folder: home.setup.clone(),
            mark: mark(order, setup).map_err(begin_error)?,
        })
    }

    fn shown_paths(&self, fleet: &Fleet) -> Vec<PathBuf> {
        let names = self.descriptor.login.passed_paths.iter();
        names
            .filter_map(|name| fleet.config.environment.get(name))
            .map(PathBuf::from)
            .collect()
    }

    /// Later entries win.
    fn environment(
        &self,
        fleet: &Fleet,
        order: &WorkOrder,
        manners: &[Manner],
        holes: &Holes,
    ) -> Vec<(String, String)> {
        let daemon = &fleet.config.environment;
        let chosen = fleet
            .config
            .catalog
            .sandbox
            .path
            .iter()
            .map(|path| expand(path, &fleet.config.user_home));
        let path: Vec<PathBuf> = chosen.chain(self.installed.path.iter().cloned()).collect();
        let mut made = crate::environment::basic(daemon, &path);
        if order.network == Network::Open {
            made.extend(crate::environment::proxies(daemon));
        }
        for name in &self.descriptor.login.passed_paths {
            made.extend(daemon.get(name).map(|value| (name.clone(), value.clone())));
        }
        made.extend(self.login.environment.iter().cloned());
        let own = self
            .descriptor
            .env
            .iter()
            .chain(manners.iter().flat_map(|manner| &manner.env));
        made.extend(own.filter_map(|(name, value)| Some((name.clone(), fill(value, holes)?))));
        made.extend(holes.get("home").map(|home| ("HOME".to_owned(), home.clone())));
        made.push((MARKER.to_owned(), order.task.to_string()));
        made
    }
}

/// Which working copy, and what is done to it. One that was thrown away and made again is another.
fn mark(order: &WorkOrder, setup: &Setup) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt;
    let seen = std::fs::symlink_metadata(&order.place)?;
    // The number of one that is gone may be given again, its birth not. Where births are not kept, the number has to do.
    let born = seen
        .created()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Ok(format!(
        "{}:{} {:?}\n{:?}\n{}\n",
        seen.dev(),
        seen.ino(),
        born.unwrap_or_default(),
        setup.network,
        setup.command
    ))
}

/// What bounds it. Decided here, so that a control that is off is off for tasks, and the attempt to escape still holds.
fn bounds(in_force: &InForce) -> Bounds {
    let mut bounds = in_force.bounds.clone();
    let is_without = match bounds.sandbox {
        Sandbox::Bubblewrap => is_off(Control::SandboxMounts),
        Sandbox::Landlock => is_off(Control::LandlockRules),
        Sandbox::None => false,
    };
    if is_without {
        bounds.sandbox = Sandbox::None;
    }
    bounds
}

/// The mode of the last manner that names one.
fn mode(manners: &[Manner], nests: bool) -> Option<String> {
    let of = |manner: &Manner| {
        let instead = manner.mode_without_nesting.as_ref().filter(|_| !nests);
        instead.or(manner.mode.as_ref()).cloned()
    };
    manners.iter().rev().find_map(of)
}

/// Files of later manners take the place of those of the same name.
fn write_files(descriptor: &Descriptor, manners: &[Manner], holes: &Holes, home: &Home) -> io::Result<()> {
    let all = descriptor
        .files
        .iter()
        .chain(manners.iter().flat_map(|manner| &manner.files));
    let last: BTreeMap<_, _> = all.collect();
    last.into_iter()
        .try_for_each(|(path, text)| crate::account::put(&home.home, path, &fill_text(text, holes)))
}

/// The prompt, and where the files are that it names.
fn prompt(text: &str, files: &[(String, PathBuf)]) -> String {
    if files.is_empty() {
        return text.to_owned();
    }
    let listed: String = files
        .iter()
        .map(|(name, path)| format!("\n- `{name}`: {}", path.display()))
        .collect();
    format!("{text}\n\nThe files named above, to be read:{listed}\n")
}

/// No sandbox, no read task and no command, unless the user said otherwise and it is written down. A command may be the
/// repository's own.
fn enforceable(in_force: &InForce, descriptor: &Descriptor, access: Access) -> Result<(), BeginError> {
    if in_force.bounds.sandbox != Sandbox::None || in_force.read_without_sandbox {
        return Ok(());
    }
    let why = match (access, descriptor.dialect) {
        (Access::Read, _) => "nothing here keeps a task from writing",
        (Access::Write, DialectKind::Command) => "nothing here bounds what a command does",
        (Access::Write, _) => return Ok(()),
    };
    Err(BeginError::Unenforceable(format!(
        "{why}: install bubblewrap, or set `read_without_sandbox = true` under [sandbox] in agents.toml"
    )))
}

pub(crate) fn installed(
    fleet: &Fleet,
    agent: &str,
    descriptor: &Descriptor,
) -> Result<Installed, BeginError> {
    let own = fleet.config.program.to_string_lossy();
    let program = if descriptor.program == "{self}" {
        &own
    } else {
        descriptor.program.as_str()
    };
    find(program, descriptor.interpreter.as_deref(), &fleet.places).map_err(|wrong| {
        let hint = if descriptor.install.is_empty() {
            String::new()
        } else {
            format!("; {}", descriptor.install)
        };
        BeginError::Missing(format!("agent `{agent}`: {wrong}{hint}"))
    })
}

pub(crate) fn logged_in(fleet: &Fleet, agent: &str, descriptor: &Descriptor) -> Result<LoggedIn, BeginError> {
    let found = fleet.accounts.resolve(agent, descriptor).map_err(begin_error)?;
    found.ok_or_else(|| {
        let keys = descriptor.login.keys.join(" or ");
        BeginError::LoggedOut(format!(
            "agent `{agent}` is not logged in: run `partita agents login {agent}` or `partita agents import {agent}`, \
             or set {keys}"
        ))
    })
}

fn begin_error(error: io::Error) -> BeginError {
    if error.kind() == io::ErrorKind::StorageFull || error.kind() == io::ErrorKind::QuotaExceeded {
        BeginError::NoSpace(error.to_string())
    } else {
        BeginError::Failed(format!("its home cannot be made: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_behind_the_prompt() {
        let files = [("diff.patch".to_owned(), PathBuf::from("/x/diff.patch"))];
        assert_eq!(prompt("Look.", &[]), "Look.");
        assert_eq!(
            prompt("Look.", &files),
            "Look.\n\nThe files named above, to be read:\n- `diff.patch`: /x/diff.patch\n"
        );
    }
}
