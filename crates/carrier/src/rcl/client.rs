//! Calls of services on rcl.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::FutureExt;

use super::{
    spinner::{LOOK_EVERY, Spinner},
    transport,
};
use crate::{Call, CarrierError, RawClient};

/// A new client does not know its server yet: so long it waits before it says that there is none.
const DISCOVERY: Duration = Duration::from_secs(1);

/// A future of r2r that can go anywhere.
pub(super) type Later<T> = Pin<Box<dyn Future<Output = r2r::Result<T>> + Send>>;

/// A client of one service type, without the type.
pub(super) trait Asker: Send + Sync {
    /// Sends a request as CDR; what comes later is the response as CDR.
    fn ask(&self, request: &[u8]) -> r2r::Result<Later<Bytes>>;
    /// Ready once a server is known.
    fn available(&self) -> r2r::Result<Later<()>>;
}

pub(super) struct RclClient {
    shared: Arc<Shared>,
    since: Instant,
    _spinner: Arc<Spinner>,
}

struct Shared {
    asker: Box<dyn Asker>,
    service: String,
    served: AtomicBool,
}

impl RclClient {
    pub(super) fn new(
        asker: Box<dyn Asker>,
        service: String,
        spinner: Arc<Spinner>,
    ) -> Result<Self, CarrierError> {
        let shared = Arc::new(Shared { asker, service, served: AtomicBool::new(false) });
        let available = shared
            .asker
            .available()
            .map_err(transport(|| format!("cannot look for a server of {}", shared.service)))?;
        let watch = Watch { client: Arc::downgrade(&shared), available };
        spinner.tell(move |spun| spun.watch(watch));
        Ok(Self { shared, since: Instant::now(), _spinner: spinner })
    }
}

impl Shared {
    fn is_served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }

    async fn becomes(&self, served: bool) {
        while self.is_served() != served {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl RawClient for RclClient {
    fn call(&self, request: Bytes, timeout: Duration) -> Call {
        let shared = self.shared.clone();
        let patience = DISCOVERY.saturating_sub(self.since.elapsed()).min(timeout);
        Box::pin(async move {
            let service = || shared.service.clone();
            // A request to a server that is not known yet would be lost.
            if !shared.is_served() && tokio::time::timeout(patience, shared.becomes(true)).await.is_err() {
                return Err(CarrierError::NoServer(service()));
            }
            let calling = || format!("cannot call {}", shared.service);
            let response = shared.asker.ask(&request).map_err(transport(calling))?;
            tokio::select! {
                response = response => response.map_err(transport(calling)),
                () = shared.becomes(false) => {
                    Err(CarrierError::NoReply { service: service(), reason: "the server went away".to_owned() })
                }
                () = tokio::time::sleep(timeout) => Err(CarrierError::Timeout { service: service(), timeout }),
            }
        })
    }

    fn is_served(&self) -> bool {
        self.shared.is_served()
    }
}

/// Keeps a client told whether it has a server. r2r only says when one comes, and asks rcl in every turn until then: so it
/// is asked anew at every look, and an answer that is not there by the next means no.
pub(super) struct Watch {
    client: Weak<Shared>,
    available: Later<()>,
}

impl Watch {
    /// Whether the client is still there.
    pub(super) fn look(&mut self) -> bool {
        let Some(client) = self.client.upgrade() else { return false };
        let answer = (&mut self.available).now_or_never();
        client.served.store(matches!(answer, Some(Ok(()))), Ordering::Relaxed);
        if answer.is_some() {
            match client.asker.available() {
                Ok(available) => self.available = available,
                Err(error) => {
                    tracing::warn!("servers of {} are no longer looked for: {error}", client.service);
                    client.served.store(false, Ordering::Relaxed);
                    return false;
                }
            }
        }
        true
    }
}
