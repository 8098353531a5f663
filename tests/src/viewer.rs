//! A VNC viewer that keeps the picture it is told of, and sends keys and pointer.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use vnc::{ClientKeyEvent, ClientMouseEvent, PixelFormat, VncClient, VncConnector};
use vnc::{VncEncoding, VncEvent, X11Event};

use crate::failure::{Failure, OrFail, Result};
use crate::picture::Picture;
use crate::screen::Screen;
use crate::wait::SHORT;

/// How long the viewer rests when nothing has come.
const REST: Duration = Duration::from_millis(4);

/// How a viewer connects.
#[derive(Clone, Debug)]
pub struct Options {
    /// The encodings that it offers, best first.
    pub encodings: Vec<VncEncoding>,
    /// The password, if it has one.
    pub password: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        let encodings = [
            VncEncoding::Zrle,
            VncEncoding::CopyRect,
            VncEncoding::Raw,
            VncEncoding::DesktopSizePseudo,
        ];
        Options { encodings: encodings.to_vec(), password: None }
    }
}

/// A cursor's image as the server sent it: width, height, bytes.
pub type CursorImage = (u16, u16, Vec<u8>);

/// A connected viewer; disconnects when dropped.
pub struct Viewer {
    /// What it sees.
    pub screen: Screen,
    cursor: Arc<Mutex<Option<CursorImage>>>,
    input: UnboundedSender<X11Event>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Viewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Viewer").field("screen", &self.screen).finish_non_exhaustive()
    }
}

impl Viewer {
    /// Connects to `HOST:PORT` with the usual encodings.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn connect(address: &str) -> Result<Viewer> {
        Viewer::connect_with(address, Options::default())
    }

    /// Connects with encodings and password of choice.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn connect_with(address: &str, options: Options) -> Result<Viewer> {
        let (input, events) = unbounded_channel();
        let (connected, result) = mpsc::channel();
        let sink = Sink { screen: Screen::default(), cursor: Arc::default() };
        let (screen, cursor) = (sink.screen.clone(), Arc::clone(&sink.cursor));
        let address = address.to_owned();
        let thread = thread::Builder::new().name("viewer".into());
        let thread =
            thread.spawn(move || read_until_end(&address, options, events, &sink, &connected))?;
        let viewer = Viewer { screen, cursor, input, thread: Some(thread) };
        match result.recv() {
            Ok(Ok(())) => Ok(viewer),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Failure::new("the viewer's thread ended")),
        }
    }

    /// The cursor's image that the server sent.
    #[must_use]
    pub fn cursor(&self) -> Option<CursorImage> {
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the picture is as it should be.
    ///
    /// # Errors
    /// When it is not before the deadline, or the server hangs up; the pictures are then beside
    /// the build under `name`.
    pub fn expect(&self, name: &str, expected: &Picture, deadline: Duration) -> Result<()> {
        self.screen.expect(name, expected, deadline)
    }

    /// Presses or releases a key by its X keysym.
    ///
    /// # Errors
    /// When the viewer is no longer connected.
    pub fn key(&self, keysym: u32, down: bool) -> Result<()> {
        self.send(X11Event::KeyEvent(ClientKeyEvent { keycode: keysym, down }))
    }

    /// Moves the pointer and sets its buttons (bit 0 is the left one).
    ///
    /// # Errors
    /// When the viewer is no longer connected.
    pub fn pointer(&self, position_x: u16, position_y: u16, buttons: u8) -> Result<()> {
        let event = ClientMouseEvent { position_x, position_y, bottons: buttons };
        self.send(X11Event::PointerEvent(event))
    }

    fn send(&self, event: X11Event) -> Result<()> {
        self.input.send(event).map_err(|_| Failure::new("the viewer is not connected"))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // The reading thread ends when the sender of input goes.
        let (gone, _) = unbounded_channel();
        self.input = gone;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Where the thread puts what it reads.
struct Sink {
    screen: Screen,
    cursor: Arc<Mutex<Option<CursorImage>>>,
}

/// The thread of a viewer: connects, tells how that went, reads until either side ends.
fn read_until_end(
    address: &str,
    options: Options,
    events: UnboundedReceiver<X11Event>,
    sink: &Sink,
    connected: &mpsc::Sender<Result<()>>,
) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let end = match runtime {
        Err(error) => Err(Failure::from(error)),
        Ok(runtime) => runtime.block_on(async {
            match connect(address, options).await {
                Err(error) => {
                    // The one who waits may have gone; then nobody cares.
                    let _ = connected.send(Err(error));
                    Ok(())
                }
                Ok(client) => {
                    let _ = connected.send(Ok(()));
                    let end = converse(&client, events, sink).await;
                    let _ = client.close().await;
                    end
                }
            }
        }),
    };
    let reason = end.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
    sink.screen.end(reason);
}

async fn connect(address: &str, options: Options) -> Result<VncClient> {
    let greeted = tokio::time::timeout(SHORT, greet(address, options)).await;
    greeted.or_fail("wait for the VNC server's greeting")?
}

async fn greet(address: &str, options: Options) -> Result<VncClient> {
    let stream = TcpStream::connect(address).await.or_fail("connect a viewer")?;
    let password = options.password.unwrap_or_default();
    let mut connector = VncConnector::new(stream)
        .set_auth_method(async move { Ok(password) })
        .allow_shared(true)
        .set_pixel_format(PixelFormat::bgra());
    for encoding in options.encodings {
        connector = connector.add_encoding(encoding);
    }
    let state = connector.build().or_fail("prepare a viewer")?;
    let state = state.try_start().await.or_fail("greet the VNC server")?;
    state.finish().or_fail("greet the VNC server")
}

async fn converse(
    client: &VncClient,
    mut events: UnboundedReceiver<X11Event>,
    sink: &Sink,
) -> Result<()> {
    let mut asked = true;
    loop {
        while let Some(event) = client.poll_event().await.or_fail("read from the VNC server")? {
            asked &= !take(sink, event)?;
        }
        // One request is open at a time: the next one follows the answer to the last.
        if !asked {
            client.input(X11Event::Refresh).await.or_fail("ask for an update")?;
            asked = true;
        }
        match tokio::time::timeout(REST, events.recv()).await {
            Ok(Some(event)) => client.input(event).await.or_fail("send input")?,
            Ok(None) => return Ok(()),
            Err(_) => {}
        }
    }
}

/// Keeps what an event tells; true if it was part of an update of the picture.
fn take(sink: &Sink, event: VncEvent) -> Result<bool> {
    match event {
        VncEvent::SetResolution(size) => {
            let black = Picture::new(size.width.into(), size.height.into(), [0; 3]);
            sink.screen.replace(black);
        }
        VncEvent::RawImage(area, bytes) => sink.screen.change(|picture| {
            picture.put_bgrx((area.x.into(), area.y.into()), area.width.into(), &bytes);
        }),
        VncEvent::Copy(to, from) => sink.screen.change(|picture| {
            let size = (to.width.into(), to.height.into());
            picture.copy((from.x.into(), from.y.into()), (to.x.into(), to.y.into()), size);
        }),
        VncEvent::SetCursor(area, bytes) => {
            let image = (area.width, area.height, bytes);
            *sink.cursor.lock().unwrap_or_else(PoisonError::into_inner) = Some(image);
        }
        VncEvent::Error(text) => return Err(Failure::new(text)),
        _ => return Ok(false),
    }
    Ok(true)
}
