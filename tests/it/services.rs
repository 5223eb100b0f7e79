//! The sample services on loopback, each in a thread of its own, so that the command can be run at them as at any provider.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use shop::broker::Messages;
use shop::payments::Payments;
use shop::users::Users;
use tokio::sync::oneshot;

/// A running service, stopped when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Serves a router on a free port.
pub(crate) fn serve(router: Router) -> Running {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let serving = axum::serve(listener, router).into_future();
            tokio::select! {
                served = serving => served.unwrap(),
                _ = stopped => {}
            }
        });
    });
    Running {
        url,
        stop: Some(stop),
        thread: Some(thread),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The users service.
pub(crate) fn users() -> Running {
    serve(Users::new(shop::system_time).router(true))
}

/// Runs what opens a service.
pub(crate) fn ready<T, E: std::fmt::Debug>(opening: impl Future<Output = Result<T, E>>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(opening).unwrap()
}

/// Works on messages in a thread of its own, until it goes out of scope. Nothing that is published afterwards is missed.
pub(crate) fn work(messages: impl Messages) -> Running {
    let (stop, stopped) = oneshot::channel::<()>();
    let (prepared, is_prepared) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            messages.prepare().await.unwrap();
            prepared.send(()).unwrap();
            let stop = async {
                let _ = stopped.await;
            };
            messages.run(stop).await.unwrap();
        });
    });
    is_prepared.recv().unwrap();
    Running {
        url: String::new(),
        stop: Some(stop),
        thread: Some(thread),
    }
}

/// Payments without a file.
pub(crate) fn in_memory() -> Payments {
    ready(Payments::open(None))
}

/// The payments service.
pub(crate) fn payments() -> Running {
    serve(in_memory().router(true))
}

/// The payments service with one thing changed in the text of each of its answers.
pub(crate) fn payments_saying(from: &'static str, to: &'static str) -> Running {
    let change = move |request: Request, next: Next| async move {
        replace(next.run(request).await, from, to).await
    };
    serve(in_memory().router(true).layer(middleware::from_fn(change)))
}

async fn replace(response: Response, from: &str, to: &str) -> Response {
    let (mut parts, body) = response.into_parts();
    let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    parts.headers.remove("content-length");
    Response::from_parts(parts, Body::from(text.replace(from, to)))
}
