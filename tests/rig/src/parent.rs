//! A compositor without a screen, in which programs open windows, and a picture of its output as judge.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::text;
use crate::error::{Context, Result, RigError};
use crate::{packages, roots};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(10);

/// Which compositor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// wlroots' most used one. Its windows fill the output, and it takes virtual input.
    Sway,
    /// The reference. It has no seat without devices.
    Weston,
}

/// A running compositor; ends with this value.
#[derive(Debug)]
pub struct Parent {
    kind: Kind,
    folder: PathBuf,
    size: (u32, u32),
    child: Child,
    /// The compositor in which it is a window itself.
    host: Option<PathBuf>,
}

impl Parent {
    /// Starts one with an output of a size. Its sockets and its log are in the folder.
    ///
    /// # Errors
    /// When it cannot be downloaded, or does not start.
    pub fn start(kind: Kind, folder: &Path, size: (u32, u32)) -> Result<Self> {
        Self::start_on(kind, folder, size, None)
    }

    /// Starts a sway that is a window of another compositor, whose socket this is, and has its input devices
    /// from there: it has no other way to a touch screen.
    ///
    /// # Errors
    /// When it cannot be downloaded, or does not start.
    pub fn start_in(host: &Path, folder: &Path, size: (u32, u32)) -> Result<Self> {
        Self::start_on(Kind::Sway, folder, size, Some(host))
    }

    fn start_on(kind: Kind, folder: &Path, size: (u32, u32), host: Option<&Path>) -> Result<Self> {
        let child = spawn(kind, folder, size, host)?;
        let host = host.map(Path::to_owned);
        let mut parent = Self { kind, folder: folder.to_owned(), size, child, host };
        parent.wait()?;
        Ok(parent)
    }

    /// Kills it, as a crash would.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context(|| "kill the parent".to_owned())?;
        self.child.wait().context(|| "wait for the parent".to_owned()).map(drop)
    }

    /// Starts one that was killed again, in its place.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        self.child = spawn(self.kind, &self.folder, self.size, self.host.as_deref())?;
        self.wait()
    }

    /// Where programs connect.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join(self.kind.socket())
    }

    /// The command that writes a picture of the output, `seen.png` in the folder; with the pointer, where
    /// that can be had.
    ///
    /// # Errors
    /// When it cannot be downloaded.
    fn shot(&self, pointer: bool) -> Result<Command> {
        let mut command = match self.kind {
            Kind::Sway => {
                let mut grim = roots::command(&roots::tools()?, "grim");
                if pointer {
                    grim.arg("-c");
                }
                grim.arg(self.folder.join("seen.png"));
                grim
            }
            Kind::Weston => roots::command(&roots::peers()?, "weston-screenshooter"),
        };
        command.env("XDG_RUNTIME_DIR", &self.folder).env("WAYLAND_DISPLAY", self.socket());
        command.current_dir(&self.folder);
        Ok(command)
    }

    /// Writes a picture of the output into a PNG file.
    ///
    /// # Errors
    /// When it cannot be taken.
    pub fn picture(&self, file: &Path) -> Result<()> {
        self.take(file, false)
    }

    /// The same with sway's pointer.
    ///
    /// # Errors
    /// When it cannot be taken.
    pub fn picture_with_pointer(&self, file: &Path) -> Result<()> {
        self.take(file, true)
    }

    fn take(&self, file: &Path, pointer: bool) -> Result<()> {
        text(&mut self.shot(pointer)?)?;
        let pictures = fs::read_dir(&self.folder).at("list", &self.folder)?;
        let mut pictures = pictures.flatten().map(|entry| entry.path());
        let is_new = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name == "seen.png" || name.starts_with("wayland-screenshot")
        };
        let seen = pictures.find(is_new);
        let seen = seen.ok_or_else(|| RigError::failed("the parent wrote no picture"))?;
        fs::rename(&seen, file).at("move", &seen)
    }

    /// Tells sway something, as `swaymsg` does; what it answers.
    ///
    /// # Errors
    /// When it refuses.
    pub fn tell(&self, words: &[&str]) -> Result<String> {
        let mut command = roots::command(&roots::peers()?, "swaymsg");
        text(command.args(words).env("SWAYSOCK", self.folder.join("sway.sock")))
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("parent.log")).unwrap_or_default()
    }

    /// Runs a command in it to its end. `shot NAME` in the command writes NAME.png into the folder.
    ///
    /// # Errors
    /// When it cannot be started, or fails.
    pub fn run(&self, line: &str) -> Result<()> {
        let shot = self.shot(false)?;
        let words = std::iter::once(shot.get_program()).chain(shot.get_args());
        let quoted: Vec<String> =
            words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
        let (folder, socket) = (self.folder.display(), self.socket());
        let script = format!(
            "#!/bin/sh\ncd '{folder}' && rm -f -- \"$1.png\" && {} || exit 1\n\
             for seen in seen.png wayland-screenshot*.png; do\n\
             if [ -e \"$seen\" ]; then mv -- \"$seen\" \"$1.png\"; fi\ndone\ntest -e \"$1.png\"\n",
            quoted.join(" ")
        );
        let file = self.folder.join("shot");
        fs::write(&file, script).at("write", &file)?;
        fs::set_permissions(&file, Permissions::from_mode(0o755)).at("change", &file)?;
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("PATH", format!("{folder}:{path}"));
        command.env("XDG_RUNTIME_DIR", &self.folder).env("WAYLAND_DISPLAY", socket);
        crate::command::visible(&mut command)
    }

    fn wait(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while UnixStream::connect(self.socket()).is_err() {
            let ended = self.child.try_wait().context(|| "wait".to_owned())?;
            if ended.is_some() || Instant::now() > end {
                return Err(RigError::failed(format!("no parent: {}", self.log())));
            }
            std::thread::park_timeout(INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Kind {
    const fn socket(self) -> &'static str {
        match self {
            Kind::Sway => "wayland-1",
            Kind::Weston => "parent-0",
        }
    }
}

fn spawn(kind: Kind, folder: &Path, size: (u32, u32), host: Option<&Path>) -> Result<Child> {
    let root = roots::peers()?;
    let mut command = match kind {
        Kind::Sway => sway(&root, folder, size)?,
        Kind::Weston => weston(&root, folder, size, "pixman")?,
    };
    let log = folder.join("parent.log");
    let log = File::create(&log).at("make", &log)?;
    let again = log.try_clone().context(|| "share the log".to_owned())?;
    command.stdin(Stdio::null()).stdout(log).stderr(again).env("XDG_RUNTIME_DIR", folder);
    for name in ["WAYLAND_DISPLAY", "DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(name);
    }
    if let Some(host) = host {
        command.env("WLR_BACKENDS", "wayland").env("WAYLAND_DISPLAY", host);
    }
    command.spawn().context(|| "start a parent".to_owned())
}

fn sway(root: &Path, folder: &Path, (width, height): (u32, u32)) -> Result<Command> {
    let file = folder.join("sway.config");
    let lines = [
        &format!("output HEADLESS-1 mode {width}x{height}@60Hz") as &str,
        "default_border none",
        "xwayland disable",
        "swaybg_command -",
        "seat seat0 fallback true",
    ];
    fs::write(&file, lines.join("\n") + "\n").at("write", &file)?;
    let sway = roots::command(root, "sway");
    let mut command = if packages::is_root()? {
        // It refuses to run as root, so it is told that it is somebody else.
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-user=1000", "--map-group=1000"]);
        command.arg(sway.get_program()).args(sway.get_args());
        command
    } else {
        sway
    };
    let control = folder.join("sway.sock");
    // The one of a run that was killed would be left alone.
    let _ = fs::remove_file(&control);
    command.arg("-c").arg(file).env("SWAYSOCK", control).env("HOME", folder);
    command.env("WLR_BACKENDS", "headless").env("WLR_RENDERER", "pixman");
    command.env("WLR_LIBINPUT_NO_DEVICES", "1").env("LIBSEAT_BACKEND", "noop");
    Ok(command)
}

/// Lines for a shell of a guest that has this machine's files: the first starts a weston that composes by GL,
/// with neither GPU nor screen, at the socket `parent-0`. The second writes a picture of what it shows, with a
/// name that begins with `wayland-screenshot`, into the folder in which it is run.
///
/// # Errors
/// When it cannot be downloaded.
pub fn weston_by_gl(folder: &Path, size: (u32, u32)) -> Result<[String; 2]> {
    let root = roots::peers()?;
    let mut weston = weston(&root, folder, size, "gl")?;
    weston.env("__EGL_VENDOR_LIBRARY_DIRS", root.join("usr/share/glvnd/egl_vendor.d"));
    weston.env("LIBGL_DRIVERS_PATH", roots::library(&root, "dri"));
    let mut shot = roots::command(&root, "weston-screenshooter");
    shot.env("WAYLAND_DISPLAY", Kind::Weston.socket());
    Ok([line(&weston), line(&shot)])
}

/// A command as a shell takes it.
fn line(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={}", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = set.chain(words.map(|word| word.to_string_lossy().into_owned()));
    words.fold("env".to_owned(), |line, word| format!("{line} '{}'", word.replace('\'', r"'\''")))
}

fn weston(
    root: &Path,
    folder: &Path,
    (width, height): (u32, u32),
    renderer: &str,
) -> Result<Command> {
    let file = folder.join("weston.ini");
    let text = "[core]\nidle-time=0\n[shell]\npanel-position=none\nlocking=false\nanimation=none\n\
         startup-animation=none\nclose-animation=none\nfocus-animation=none\n\
         background-color=0xff203040\n[input-method]\npath=\n";
    fs::write(&file, text).at("write", &file)?;
    // The helper that draws the background is started by the unpacked root's own loader.
    let helper = roots::command(root, "../libexec/weston-desktop-shell");
    let words = std::iter::once(helper.get_program()).chain(helper.get_args());
    let words: Vec<String> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let shell = folder.join("desktop-shell");
    fs::write(&shell, format!("#!/bin/sh\nexec {}\n", words.join(" "))).at("write", &shell)?;
    fs::set_permissions(&shell, Permissions::from_mode(0o755)).at("change", &shell)?;
    let modules = [
        ("headless-backend.so", roots::library(root, "libweston-14/headless-backend.so")),
        ("gl-renderer.so", roots::library(root, "libweston-14/gl-renderer.so")),
        ("desktop-shell.so", roots::library(root, "weston/desktop-shell.so")),
        ("weston-desktop-shell", shell),
    ];
    let map: Vec<String> =
        modules.iter().map(|(name, path)| format!("{name}={}", path.display())).collect();
    let mut command = roots::command(root, "weston");
    // Pictures are only taken of a weston that is being debugged.
    command.args(["--backend=headless", "--shell=desktop", "--debug"]);
    command.arg(format!("--renderer={renderer}"));
    command.arg(format!("--width={width}")).arg(format!("--height={height}"));
    command.arg(format!("--socket={}", Kind::Weston.socket()));
    command.arg(format!("--config={}", file.display())).env("WESTON_MODULE_MAP", map.join(";"));
    Ok(command)
}
