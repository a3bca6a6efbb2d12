//! Typed services.

use std::{future::Future, marker::PhantomData, sync::Arc, time::Duration};

use dreamitate_msgs::Service;
use parking_lot::Mutex;
use tokio::{runtime::Handle, task::JoinSet, time::Instant};

use crate::{
    CarrierError, Endpoint, Guard, Member, RawClient,
    topic::{decode, encode},
};

/// How often a client looks for its server while it waits for it.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The calling end of a service `S`.
pub struct Client<S> {
    raw: Arc<dyn RawClient>,
    name: String,
    service: PhantomData<fn() -> S>,
}

impl<S> Clone for Client<S> {
    fn clone(&self) -> Self {
        Self { raw: self.raw.clone(), name: self.name.clone(), service: PhantomData }
    }
}

impl<S: Service> Client<S> {
    pub(crate) fn new(member: &dyn Member, name: String) -> Result<Self, CarrierError> {
        let raw = member.client(&endpoint::<S>(&name))?;
        Ok(Self { raw, name, service: PhantomData })
    }

    /// The server's response.
    ///
    /// # Errors
    /// [`CarrierError::NoServer`] at once if nobody serves, [`CarrierError::Timeout`] if it takes longer than
    /// `timeout`, [`CarrierError::NoReply`] if the server went away or failed, and `Encode` or `Decode`.
    pub async fn call(&self, request: &S::Request, timeout: Duration) -> Result<S::Response, CarrierError> {
        let response = self.raw.call(encode(&self.name, request)?, timeout).await?;
        decode(&self.name, &response)
    }

    /// Returns once a server is known.
    ///
    /// # Errors
    /// [`CarrierError::NotServed`] if there is none within `timeout`.
    pub async fn wait_for_server(&self, timeout: Duration) -> Result<(), CarrierError> {
        let deadline = Instant::now() + timeout;
        while !self.is_served() {
            if Instant::now() >= deadline {
                return Err(CarrierError::NotServed { name: self.name.clone(), timeout });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Whether a server is known now.
    pub fn is_served(&self) -> bool {
        self.raw.is_served()
    }
}

/// Serves `S` with a task for each request, until the guard is dropped; requests still in work then end
/// without a reply.
pub(crate) fn serve<S, F, Fut>(
    member: &dyn Member,
    runtime: &Handle,
    name: &str,
    handler: F,
) -> Result<Guard, CarrierError>
where
    S: Service,
    F: Fn(S::Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = S::Response> + Send + 'static,
{
    let tasks = Arc::new(Mutex::new(JoinSet::new()));
    let (runtime, service, weak) = (runtime.clone(), name.to_owned(), Arc::downgrade(&tasks));
    let guard = member.serve(
        &endpoint::<S>(name),
        Box::new(move |request, responder| {
            let request = match decode::<S::Request>(&service, &request) {
                Ok(request) => request,
                Err(error) => return responder.answer(Err(error.to_string())),
            };
            let Some(tasks) = weak.upgrade() else { return };
            let (response, service) = (handler(request), service.clone());
            let mut tasks = tasks.lock();
            while let Some(ended) = tasks.try_join_next() {
                report(&service, ended);
            }
            tasks.spawn_on(
                async move {
                    let response = response.await;
                    responder.answer(encode(&service, &response).map_err(|error| error.to_string()));
                },
                &runtime,
            );
        }),
    )?;
    Ok(Guard::new((guard, tasks)))
}

/// A handler's panic is its caller's missing reply and this line.
fn report(service: &str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(service, %error, "a request's handler panicked");
    }
}

pub(crate) fn endpoint<S: Service>(name: &str) -> Endpoint {
    Endpoint::new(name, S::TYPE_NAME, S::TYPE_HASH)
}
