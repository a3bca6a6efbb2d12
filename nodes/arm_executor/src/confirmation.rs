//! The operator's confirmation before arms move.

use std::future::Future;

use tokio::sync::watch;

/// Who is waited for before a motion.
#[derive(Debug)]
pub(crate) struct Confirmation {
    wanted: bool,
    /// True while a person is waited for.
    awaited: watch::Sender<bool>,
}

impl Confirmation {
    /// A person where `wanted`, else nobody.
    pub fn new(wanted: bool) -> Self {
        Self { wanted, awaited: watch::Sender::new(false) }
    }

    /// Whether a person is asked before motions.
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// The person says yes; whether anybody waited for it.
    pub fn confirm(&self) -> bool {
        self.awaited.send_replace(false)
    }

    /// Waits for the person where one is to be asked.
    ///
    /// # Errors
    /// What `halt` says if it ends before.
    pub async fn wait<H>(&self, halt: &mut (impl Future<Output = H> + Unpin)) -> Result<(), H> {
        if !self.wanted {
            return Ok(());
        }
        tracing::info!("waiting for ~/confirm before the arms move");
        let mut awaited = self.awaited.subscribe();
        self.awaited.send_replace(true);
        tokio::select! {
            biased;
            halted = halt => {
                self.awaited.send_replace(false);
                Err(halted)
            }
            // The sender is in `self`, so that no error can be.
            () = async { drop(awaited.wait_for(|awaited| !awaited).await) } => Ok(()),
        }
    }
}
