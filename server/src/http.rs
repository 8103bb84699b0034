//! HTTP on the private Unix socket: tiny_http in, workers, answers out.
//!
//! Only the gate reaches the socket (it lies in a 0700 folder): it has read the
//! whole request, bounded it, and says who the client is. Each connection
//! carries one request. Bounded by the workers and by the relays that the gate
//! allows at a time.

mod answer;
pub mod gzip;
mod listening;
mod percent;
mod request;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub use answer::Response;
use listening::Listening;
pub use percent::encoded;
pub use request::{BODY_BYTES_MAX, Method, Request};

use crate::error::{Error, Kind};
use crate::log;

/// Who has come by HTTPS once asks for nothing else for a year.
pub const STRICT_TRANSPORT: &str = "max-age=31536000";

/// Whether an address is the API's, and not one of the Capsule.
pub fn is_of_api(path: &str) -> bool {
    matches!(path, "/healthz" | "/metrics" | "/api") || path.starts_with("/api/")
}

/// Turns a request into an answer. May panic: the client gets a 500 then.
pub type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// Pause before the socket is listened on again after accepting has failed.
const RENEW_PAUSE: Duration = Duration::from_millis(500);
/// How often it is looked whether connections are still accepted.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);
/// Answers up to this size fit into the socket's buffer: writing them never waits.
const INLINE_BYTES_MAX: usize = 64 << 10;
/// Larger answers under way at a time, each on a thread of its own, so that slow
/// readers don't hold up the workers.
const LARGE_MAX: usize = 64;

/// The running server; [`HttpServer::stop`] ends it.
pub struct HttpServer {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    listener: UnixListener,
    /// The last one is in use. tiny_http removes the socket's file when it is
    /// dropped, so those that stopped accepting are kept until the end.
    listening: Mutex<Vec<Listening>>,
    /// Held while listening anew: two that accept would share the connections,
    /// and the workers serve only the last.
    renewing: Mutex<()>,
    workers: usize,
    stopping: AtomicBool,
    large: AtomicUsize,
    socket: PathBuf,
}

/// Serves `handler` on a new Unix socket at `socket` with `workers` threads.
pub fn serve(socket: &Path, workers: usize, handler: Box<Handler>) -> Result<HttpServer, Error> {
    let failed = |error: io::Error| {
        Error::new(
            Kind::System,
            format!("The socket {} can't be made: {error}.", socket.display()),
            "See that the folder for temporary files is writable and not full.",
        )
    };
    let listener = UnixListener::bind(socket).map_err(failed)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let first = Listening::start(&listener).map_err(failed)?;
    let shared = Arc::new(Shared {
        handler,
        listener,
        listening: Mutex::new(vec![first]),
        renewing: Mutex::new(()),
        workers,
        stopping: AtomicBool::new(false),
        large: AtomicUsize::new(0),
        socket: socket.to_owned(),
    });
    let mut server = HttpServer {
        shared,
        workers: Vec::with_capacity(workers),
    };
    for number in 0..workers.max(1) {
        let shared = Arc::clone(&server.shared);
        let worker = std::thread::Builder::new()
            .name(format!("http-{number}"))
            .spawn(move || work(&shared, number == 0));
        match worker {
            Ok(worker) => server.workers.push(worker),
            Err(error) => {
                server.stop();
                return Err(failed(error));
            }
        }
    }
    Ok(server)
}

impl HttpServer {
    /// Lets requests under way finish and removes the socket.
    pub fn stop(self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let listening = self.shared.current();
        for _ in &self.workers {
            listening.server.unblock();
        }
        for worker in self.workers {
            // A worker catches every panic of a handler; one of its own is reported by the hook.
            let _ = worker.join();
        }
        // tiny_http removes it too, but only when the last large answer is sent.
        let _ = std::fs::remove_file(&self.shared.socket);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<Listening>> {
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Listening {
        let listening = self.lock();
        // There is always one: the list begins with it and only grows.
        listening[listening.len() - 1].clone()
    }

    fn is_replaced(&self, listening: &Listening) -> bool {
        !Arc::ptr_eq(&self.current().server, &listening.server)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Listens anew after `failed` has stopped accepting, and wakes its workers.
    fn renew(&self, failed: &Listening, why: &str) {
        let _renewing = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_replaced(failed) {
            return;
        }
        log::error(&format!(
            "The HTTP socket stopped accepting: {why}. It is listened on again; if this \
             happens more than once, raise the limit of open files."
        ));
        while !self.is_stopping() {
            std::thread::sleep(RENEW_PAUSE);
            match Listening::start(&self.listener) {
                Ok(listening) => {
                    self.lock().push(listening);
                    break;
                }
                Err(error) if error.raw_os_error() == Some(libc::EMFILE) => {}
                Err(error) => log::error(&format!("The HTTP socket: {error}. Trying again.")),
            }
        }
        for _ in 0..self.workers {
            failed.server.unblock();
        }
    }
}

/// One worker. Never ends before the server does. The one that `watches` also
/// sees to it that connections are accepted.
fn work(shared: &Arc<Shared>, watches: bool) {
    while !shared.is_stopping() {
        let listening = shared.current();
        let received = if watches {
            listening.server.recv_timeout(WATCH_INTERVAL)
        } else {
            listening.server.recv().map(Some)
        };
        match received {
            Ok(Some(request)) => {
                // Reading and writing may panic inside of tiny_http too.
                let done = catch_unwind(AssertUnwindSafe(|| exchange(shared, request)));
                if done.is_err() {
                    log::error("A request was dropped because of a fault in Ground Control.");
                }
            }
            // Nothing came for a while, or another worker has renewed the server.
            Ok(None) if listening.accepts() || shared.is_stopping() => {}
            Ok(None) => shared.renew(&listening, "its thread has ended"),
            // Woken on purpose.
            Err(error) if error.kind() == io::ErrorKind::Other => {}
            Err(_) if shared.is_stopping() => {}
            Err(error) => shared.renew(&listening, &error.to_string()),
        }
    }
}

fn exchange(shared: &Arc<Shared>, mut raw: tiny_http::Request) {
    let request = request::read(&mut raw);
    let head_only = request.as_ref().is_ok_and(|request| request.head);
    let response = match request {
        Ok(request) => catch_unwind(AssertUnwindSafe(|| {
            gzip::compress((shared.handler)(&request), &request)
        }))
        .unwrap_or_else(|_| {
            log::error(&format!(
                "{:?} {} failed because of a fault in Ground Control.",
                request.method, request.path
            ));
            Response::from(Error::internal())
        }),
        Err(error) => Response::from(error),
    };
    let bytes = response.to_bytes(head_only);
    let writer = raw.into_writer();
    if bytes.len() <= INLINE_BYTES_MAX {
        return send(writer, &bytes);
    }
    let under_way = shared.large.fetch_add(1, Ordering::SeqCst);
    let place = Large(Arc::clone(shared));
    if under_way >= LARGE_MAX {
        drop(place);
        let busy = Error::new(
            Kind::Busy,
            "Too many large answers are under way.",
            "Try again in a few seconds.",
        );
        return send(
            writer,
            &Response::from(busy.retry_after_s(3)).to_bytes(head_only),
        );
    }
    // When no thread is to be had the closure is dropped, and with it the writer:
    // the client sees its connection end.
    let spawned = std::thread::Builder::new()
        .name("http-large".into())
        .spawn(move || {
            let _place = place;
            send(writer, &bytes);
        });
    if let Err(error) = spawned {
        log::error(&format!("No thread for a large answer: {error}."));
    }
}

/// Counts a large answer until it is sent.
struct Large(Arc<Shared>);

impl Drop for Large {
    fn drop(&mut self) {
        self.0.large.fetch_sub(1, Ordering::SeqCst);
    }
}

fn send(mut writer: Box<dyn io::Write + Send>, bytes: &[u8]) {
    // A client that went away is nobody's fault.
    let _ = writer.write_all(bytes).and_then(|()| writer.flush());
}
