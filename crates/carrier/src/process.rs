//! A node as a process of its own: arguments, logging, runtime, carrier, signals and exit code.

use std::{error::Error, future::Future, pin::Pin, process::ExitCode, sync::Arc, time::Duration};

use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

use crate::{Carrier, CarrierError, NodeArgs};

/// Any error that can cross threads.
type Failure = Box<dyn Error + Send + Sync>;

/// What is logged where neither `--log-level` nor `RUST_LOG` says otherwise.
const DEFAULT_FILTER: &str = "info,zenoh=error";
/// How long tasks that a dropped node leaves behind (an arm's cancel on its way) have to end.
const GRACE: Duration = Duration::from_secs(3);

/// A node at work. Boxed by who makes it, so that who starts it compiles none of it again, as of an `async fn` all do.
pub type Running<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

/// The carrier between processes: Zenoh, or rcl where the program was built for a sourced ROS 2 (feature `rcl`).
///
/// # Errors
/// What [`Zenoh::open`](crate::Zenoh::open) or `Rcl::open` say.
pub fn between_processes() -> Result<Arc<dyn Carrier>, CarrierError> {
    #[cfg(feature = "rcl")]
    return Ok(Arc::new(crate::Rcl::open()?));
    #[cfg(not(feature = "rcl"))]
    Ok(Arc::new(crate::Zenoh::open(crate::ZenohOptions::from_env()?)?))
}

/// The main function of a node: runs `node` on [`between_processes`] with the process's `--ros-args`, until it ends or
/// the process is asked to stop by SIGINT or SIGTERM.
///
/// Logs go to standard error, or on rcl where ROS 2 sends them (/rosout too), filtered by `--log-level` or `RUST_LOG`.
/// The exit code is 0 if the node ended well or was stopped, 1 if it failed (the chain of errors is printed), 2 for arguments that cannot be understood.
///
/// ```no_run
/// use std::process::ExitCode;
/// use dreamitate_carrier::{CarrierError, Node, run_process};
///
/// fn main() -> ExitCode {
///     run_process("idle", async |carrier, args| {
///         let _node = Node::open(carrier, args)?;
///         std::future::pending::<Result<(), CarrierError>>().await
///     })
/// }
/// ```
pub fn run_process<F, Fut, E>(default_name: &str, node: F) -> ExitCode
where
    F: FnOnce(Arc<dyn Carrier>, NodeArgs) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let args = match arguments(default_name) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("error: {}", error_chain(&*error));
            return ExitCode::from(2);
        }
    };
    let filter = args
        .log_level()
        .map(str::to_lowercase)
        .or_else(|| std::env::var("RUST_LOG").ok())
        .unwrap_or_else(|| DEFAULT_FILTER.to_owned());
    log(&args, EnvFilter::new(filter));
    match run(args, node) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error_chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Starts logging. Does nothing if it is started already: then it stays as it is.
#[cfg(not(feature = "rcl"))]
fn log(_: &NodeArgs, filter: EnvFilter) {
    use std::io::IsTerminal;
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
}

/// Starts logging through rcl.
#[cfg(feature = "rcl")]
fn log(args: &NodeArgs, filter: EnvFilter) {
    use tracing_subscriber::prelude::*;
    let rosout = crate::rcl::Rosout::new(args.name());
    let _ = tracing_subscriber::registry().with(filter).with(rosout).try_init();
}

/// The process's arguments; a node takes none but ROS's.
fn arguments(default_name: &str) -> Result<NodeArgs, Failure> {
    let args = NodeArgs::parse(default_name, std::env::args().skip(1))?;
    #[cfg(feature = "rcl")]
    args.refuse_chained_remaps()?;
    match args.rest().first() {
        Some(other) => Err(format!("unknown argument {other}; ROS's arguments come after --ros-args").into()),
        None => Ok(args.with_heartbeat()),
    }
}

fn run<F, Fut, E>(args: NodeArgs, node: F) -> Result<(), Failure>
where
    F: FnOnce(Arc<dyn Carrier>, NodeArgs) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Into<Failure>,
{
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let carrier = between_processes()?;
        tokio::select! {
            ended = node(carrier, args) => ended.map_err(Into::into),
            signal = stop_signal() => {
                tracing::info!(signal = signal?, "stopping");
                Ok(())
            }
        }
    });
    wait_for_tasks(&runtime);
    runtime.shutdown_background();
    ended
}

/// Returns when tasks are over, or after [`GRACE`].
fn wait_for_tasks(runtime: &Runtime) {
    const LOOK_EVERY: Duration = Duration::from_millis(10);
    runtime.block_on(async {
        let all_over = async {
            while runtime.metrics().num_alive_tasks() > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // Whoever is not done by then is not waited for.
        let _ = tokio::time::timeout(GRACE, all_over).await;
    });
}

/// Waits until the process is asked to end, by SIGINT, SIGTERM or SIGHUP; the signal's name.
///
/// # Errors
/// Signals cannot be listened to.
#[cfg(unix)]
pub async fn stop_signal() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let [mut interrupt, mut terminate, mut hang_up] =
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hang_up.recv() => "SIGHUP",
    })
}

/// Waits until the process is asked to end.
///
/// # Errors
/// Signals cannot be listened to.
#[cfg(not(unix))]
pub async fn stop_signal() -> std::io::Result<&'static str> {
    tokio::signal::ctrl_c().await.map(|()| "interrupt")
}

/// An error with its causes; a cause that the message before it already tells is left out.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let cause = cause.to_string();
        if !last.contains(&cause) {
            text = format!("{text}: {cause}");
            last = cause;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Trouble {
        #[error("no rig")]
        Named(#[source] std::io::Error),
        #[error("no rig: {0}")]
        Told(#[source] std::io::Error),
    }

    #[test]
    fn a_cause_is_told_once() {
        let cause = || std::io::Error::other("disk full");
        assert_eq!(error_chain(&Trouble::Named(cause())), "no rig: disk full");
        assert_eq!(error_chain(&Trouble::Told(cause())), "no rig: disk full");
    }
}
