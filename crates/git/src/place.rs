//! Makes places: built under a name of its own and put in place by one rename, so that after a kill at any moment
//! there is a whole place, or none and some rubbish that the next call removes.

use crate::command::{Call, GitDir};
use crate::error::{Answer, io_failed};
use crate::files::{self, blocking, writing};
use crate::holders;
use crate::identity::Identity;
use crate::listing::{Listing, Look};
use crate::names::{Oid, key_slug};
use crate::places::Places;
use crate::project::Project;
use crate::record::{self, Record};
use crate::refs;
use crate::skeleton::{AGENT_BRANCH, Skeleton};
use crate::tamper;
use domain::{Access, RunId, StepKey};
use engine::faults::{Control, CrashPoint, is_off, reach};
use engine::ports::{Place, PlaceSpec};
use std::fs;
use std::path::{Path, PathBuf};

/// Where the parts of a place are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) dir: PathBuf,
}

impl Site {
    pub(crate) fn of(worktrees: &Path, run: RunId, key: &StepKey) -> Self {
        Self {
            dir: worktrees.join(run.to_string()).join(key_slug(key)),
        }
    }

    pub(crate) const fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    pub(crate) fn keep(&self) -> PathBuf {
        self.dir.join("keep.git")
    }

    /// What the sandboxed command of ours may write besides `keep.git/objects`.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.dir.join("scratch")
    }

    /// The index as it was when the place was made; never written again.
    pub(crate) fn base_index(&self) -> PathBuf {
        self.dir.join("base.index")
    }

    /// The index of the last harvest.
    pub(crate) fn harvest_index(&self) -> PathBuf {
        self.scratch().join("index")
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.dir.join("record")
    }

    /// Names the commit of the last harvest.
    pub(crate) fn harvested(&self) -> PathBuf {
        self.dir.join("harvested")
    }

    /// Says that what we wrote reached the disk.
    pub(crate) fn settled(&self) -> PathBuf {
        self.dir.join(SETTLED)
    }

    /// Our git folder for the tree.
    pub(crate) fn git_dir(&self) -> GitDir {
        GitDir::with_tree(self.keep(), self.tree())
    }
}

/// What an earlier attempt left.
enum Found {
    Nothing,
    /// It can be handed on.
    Usable {
        has_leftovers: bool,
    },
    /// It holds nothing that is not kept elsewhere.
    Spent,
    /// It cannot be handed on, and holds work that nobody has.
    Unusable {
        why: String,
    },
}

impl Places {
    /// See the port.
    pub(crate) async fn prepare_place(&self, spec: PlaceSpec) -> Answer<Place> {
        let mut spec = spec;
        if spec.base.is_empty() {
            spec.base = self
                .resolve_base(&spec.project, spec.run, None)
                .await?
                .to_string();
        }
        let base = Oid::given(&spec.base)?;
        let project = self.project(&spec.project).await?;
        let site = Site::of(&self.worktrees, spec.run, &spec.key);
        let _turn = self.queues.among_us(&site.dir).await;
        self.sweep(&site).await?;
        let has_leftovers = match self.look_at(&site, &spec, &base, &project).await? {
            Found::Usable { has_leftovers } => {
                self.free_dead_locks(&site).await?;
                self.pin_place(&project, &spec, &base).await?;
                has_leftovers
            }
            Found::Nothing => {
                self.make(&site, &spec, &base, &project).await?;
                false
            }
            Found::Spent => {
                let dir = site.dir.clone();
                blocking(move || files::discard(&dir)).await?;
                self.make(&site, &spec, &base, &project).await?;
                false
            }
            Found::Unusable { why } => {
                set_aside(&site, &why)?;
                self.make(&site, &spec, &base, &project).await?;
                false
            }
        };
        Ok(Place {
            path: site.tree(),
            readable: project.object_folders(),
            spec,
            has_leftovers,
        })
    }

    async fn look_at(&self, site: &Site, spec: &PlaceSpec, base: &Oid, project: &Project) -> Answer<Found> {
        if !site.dir.exists() {
            return Ok(Found::Nothing);
        }
        if spec.fresh {
            return Ok(Found::Spent);
        }
        let Ok(record) = Record::read(&site.record()) else {
            return Ok(Found::Unusable {
                why: "its record is gone".to_owned(),
            });
        };
        if !files::is_real_folder(&site.tree()) {
            return Ok(Found::Spent);
        }
        if record.access == Access::Read {
            let is_same =
                record.base == *base && spec.access == Access::Read && record.project == project.folder;
            let is_pristine = is_same
                && tamper::difference(site, &record, project).is_none()
                && self
                    .differences(site, true)
                    .await
                    .is_ok_and(|listing| listing.is_empty());
            return Ok(if is_pristine {
                Found::Usable { has_leftovers: false }
            } else {
                Found::Spent
            });
        }
        if let Some(why) = tamper::difference(site, &record, project) {
            return Ok(Found::Unusable { why });
        }
        let leftovers = self.differences(site, false).await?;
        let is_same =
            record.base == *base && record.access == spec.access && record.project == project.folder;
        if is_same && (leftovers.is_empty() || is_trusted_after_start(site, &record)) {
            return Ok(Found::Usable {
                has_leftovers: !leftovers.is_empty(),
            });
        }
        if self.holds_unkept_work(site, project).await? {
            let why = if is_same {
                "the machine went down while it was made"
            } else {
                "it shows another commit"
            };
            return Ok(Found::Unusable { why: why.to_owned() });
        }
        Ok(Found::Spent)
    }

    /// What differs from what the place showed when it was made.
    pub(crate) async fn differences(&self, site: &Site, with_ignored: bool) -> Answer<Listing> {
        Listing::of(
            self.place_call(site, &site.base_index()),
            Look {
                with_ignored,
                without: None,
            },
        )
        .await
    }

    /// A command of ours on a place, with one of our indexes.
    pub(crate) fn place_call(&self, site: &Site, index: &Path) -> Call {
        self.git
            .call(&site.git_dir())
            .env("GIT_INDEX_FILE", index)
            .limit(self.limits.checkout)
    }

    /// Whether a place holds changes that no task ref has.
    pub(crate) async fn holds_unkept_work(&self, site: &Site, project: &Project) -> Answer<bool> {
        let kept = record::read_harvested(&site.harvested());
        let is_kept = match &kept {
            None => false,
            Some(commit) => self.has_commit(project, commit).await? && site.harvest_index().is_file(),
        };
        let index = if is_kept {
            site.harvest_index()
        } else {
            site.base_index()
        };
        Ok(!Listing::of(self.place_call(site, &index), Look::default())
            .await?
            .is_empty())
    }

    async fn make(&self, site: &Site, spec: &PlaceSpec, base: &Oid, project: &Project) -> Answer<()> {
        let making = Site::at(files::unique_beside(&site.dir, "making"));
        // Together: before both are done, nobody can see the place.
        let (pinned, built) = tokio::join!(
            self.pin_place(project, spec, base),
            self.build(&making, spec, base, project)
        );
        let built = built.map_err(|error| crate::error::with_space(error, &making.dir));
        let placed = match pinned.and(built) {
            Ok(()) => {
                reach(CrashPoint::MidPlace);
                fs::rename(&making.dir, &site.dir).map_err(|error| io_failed("make", &site.dir, &error))
            }
            Err(error) => Err(error),
        };
        if placed.is_err() {
            let rubbish = making.dir.clone();
            blocking(move || files::remove_tree(&rubbish)).await?;
        }
        placed?;
        // A reader's place is compared with its commit before it is handed on, whatever the machine did meanwhile.
        if spec.access == Access::Write {
            settle_later(site);
        }
        Ok(())
    }

    async fn build(&self, making: &Site, spec: &PlaceSpec, base: &Oid, project: &Project) -> Answer<()> {
        let record = Record {
            project: project.folder.clone(),
            run: spec.run,
            key: spec.key.clone(),
            access: spec.access,
            base: base.clone(),
            identity: match spec.access {
                Access::Write => Identity::of(&self.git, project).await?,
                // Nothing is committed there.
                Access::Read => Identity::ours(),
            },
            boot: files::boot_id(),
        };
        let (at, keep) = (making.clone(), Skeleton::keep(project, base));
        let agents = Skeleton::agents(project, record.identity.clone());
        writing(move || {
            for folder in [at.tree(), at.scratch()] {
                files::make_private_folder(&folder)?;
            }
            keep.write(&at.keep())?;
            agents.write(&at.tree().join(".git"))
        })
        .await?;
        let (made, names) = tokio::join!(self.check_out(making, base), refs::peoples(&self.git, project));
        made?;
        let (at, agents_refs) = (making.clone(), packed(&names?, base));
        writing(move || {
            let git = at.tree().join(".git");
            let put = |name: &str, bytes: &[u8]| {
                let path = git.join(name);
                fs::write(&path, bytes).map_err(|error| io_failed("write", &path, &error))
            };
            put("packed-refs", agents_refs.as_bytes())?;
            // An honest tool that wants to change the configuration is told no by git itself; see `tamper`.
            put("config.lock", b"")?;
            let (from, to) = (at.base_index(), git.join("index"));
            if from.is_file() {
                files::copy_index(&from, &to)?;
            }
            let path = at.record();
            fs::write(&path, record.text()).map_err(|error| io_failed("write", &path, &error))
        })
        .await
    }

    /// Writes the files of a commit and the index that knows them.
    async fn check_out(&self, making: &Site, base: &Oid) -> Answer<()> {
        // Nothing here has to survive power loss: a place whose machine went down is looked at again.
        let call = self
            .place_call(making, &making.base_index())
            .pin("core.fsync=none");
        let call = call
            .args(["read-tree", "-m", "-u", "--end-of-options"])
            // What is no commit is refused here: a pin may name anything.
            .values([format!("{base}^{{commit}}")]);
        match call.stdout(&format!("check out {base}")).await {
            Ok(_) => Ok(()),
            Err(error) => Err(explain_checkout(error, base)),
        }
    }

    /// Removes what killed makers of this place left.
    async fn sweep(&self, site: &Site) -> Answer<()> {
        let (Some(above), Some(name)) = (site.dir.parent(), site.dir.file_name()) else {
            return Ok(());
        };
        let (above, name) = (above.to_path_buf(), name.to_string_lossy().into_owned());
        writing(move || {
            files::make_private_folder(&above)?;
            for folder in files::folders_in(&above)
                .iter()
                .filter(|folder| is_rubbish_of(folder, &name))
            {
                // A git that outlived its maker may still write there: the next call meets the rest.
                if let Err(error) = files::remove_tree(folder) {
                    tracing::debug!(folder = %folder.display(), %error, "rubbish stays for now");
                }
            }
            Ok(())
        })
        .await
    }

    /// Locks in the agent's own git folder: the attempt that made them is over. One that a living process could still
    /// hold stays.
    async fn free_dead_locks(&self, site: &Site) -> Answer<()> {
        let tree = site.tree();
        blocking(move || {
            let locks = locks_below(&tree.join(".git"));
            if locks.is_empty() || !holders::can_tell() || is_off(Control::DeadLocksGo) {
                return Ok(());
            }
            if holders::holder_of(&tree).is_some() && !is_off(Control::LiveLocksStay) {
                return Ok(());
            }
            for lock in locks {
                fs::remove_file(&lock).map_err(|error| io_failed("remove the dead lock", &lock, &error))?;
            }
            Ok(())
        })
        .await
    }
}

/// Whether a folder is what a killed maker or remover of `name` left.
pub(crate) fn is_rubbish_of(folder: &Path, name: &str) -> bool {
    let own = folder
        .file_name()
        .map(|own| own.to_string_lossy().into_owned())
        .unwrap_or_default();
    ["making", "trash"]
        .iter()
        .any(|purpose| own.starts_with(&format!(".{purpose}-{name}-")))
}

/// Keeps a place that cannot be handed on under another name, where `list` shows it.
fn set_aside(site: &Site, why: &str) -> Answer<()> {
    let name = site
        .dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let free = (1..)
        .map(|n| site.dir.with_file_name(format!("{name}.aside-{n}")))
        .find(|path| !path.exists());
    let Some(aside) = free else { return Ok(()) };
    tracing::warn!(place = %site.dir.display(), aside = %aside.display(), why, "a working copy was set aside");
    fs::rename(&site.dir, &aside).map_err(|error| io_failed("set aside", &site.dir, &error))?;
    fs::write(aside.join("why"), why).map_err(|error| io_failed("write", &aside, &error))
}

/// What the agent's git knows of the project's branches and tags, so that it can compare with them.
fn packed(names: &[(String, Oid)], base: &Oid) -> String {
    const MOST: usize = 2_000;
    let is_shown = |name: &str| {
        let is_kind = ["refs/heads/", "refs/tags/", "refs/remotes/"]
            .iter()
            .any(|kind| name.starts_with(kind));
        is_kind && name != AGENT_BRANCH && !name.starts_with(&format!("{AGENT_BRANCH}/"))
    };
    let mut lines: Vec<(&str, &Oid)> = names
        .iter()
        .filter(|(name, _)| is_shown(name))
        .take(MOST)
        .map(|(name, id)| (name.as_str(), id))
        .collect();
    lines.push((AGENT_BRANCH, base));
    lines.sort();
    let mut text = String::from("# pack-refs with: sorted \n");
    for (name, id) in lines {
        text.push_str(&format!("{id} {name}\n"));
    }
    text
}

fn locks_below(git: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![
        git.to_path_buf(),
        git.join("refs"),
        git.join("worktrees"),
        git.join("logs"),
    ];
    while let Some(folder) = folders.pop() {
        let is_deep = folder != git;
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type());
            if is_deep && kind.as_ref().is_ok_and(fs::FileType::is_dir) {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "lock") && path != git.join("config.lock") {
                found.push(path);
            }
        }
    }
    found
}

/// Makes sure that what was written reached the disk, and says so: long after, when the system has written nearly all
/// of it by itself. By the open folder, not by its name: by then another place may have it.
fn settle_later(site: &Site) {
    let Ok(folder) = fs::File::open(&site.dir) else {
        return;
    };
    tokio::spawn(async move {
        tokio::time::sleep(SETTLES_AFTER).await;
        let settled = tokio::task::spawn_blocking(move || settle(&folder)).await;
        if let Ok(Err(error)) = settled {
            tracing::debug!(%error, "a place was not settled");
        }
    });
}

fn settle(folder: &fs::File) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(folder)?;
    #[cfg(not(target_os = "linux"))]
    folder.sync_all()?;
    let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::openat(folder, SETTLED, flags, mode)?;
    Ok(())
}

const SETTLES_AFTER: std::time::Duration = std::time::Duration::from_secs(60);
const SETTLED: &str = "settled";

/// Files that were written shortly before the machine went down may be there by name and empty: after that, what
/// looks like an agent's work may be damage.
fn is_trusted_after_start(site: &Site, record: &Record) -> bool {
    record.boot == files::boot_id() || site.settled().exists()
}

fn explain_checkout(error: engine::ports::WorkspaceError, base: &Oid) -> engine::ports::WorkspaceError {
    match error {
        engine::ports::WorkspaceError::Failed(words)
            if ["unable to read tree", "Not a valid object name"]
                .iter()
                .any(|sign| words.contains(sign)) =>
        {
            crate::error::missing(format!("commit {base} is not in the project: {words}"))
        }
        other => other,
    }
}
