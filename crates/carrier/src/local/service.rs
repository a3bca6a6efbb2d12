//! Services of the local carrier.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{Call, CarrierError, Endpoint, OnRequest, RawClient, Responder};

pub(super) type Services = Arc<Mutex<HashMap<Endpoint, Arc<OnRequest>>>>;

pub(super) fn serve(
    services: &Services,
    service: &Endpoint,
    on_request: OnRequest,
) -> Result<LocalServer, CarrierError> {
    let mut known = services.lock();
    if known.contains_key(service) {
        return Err(CarrierError::ServiceTaken(service.name.clone()));
    }
    known.insert(service.clone(), Arc::new(on_request));
    Ok(LocalServer { services: services.clone(), service: service.clone() })
}

pub(super) struct LocalServer {
    services: Services,
    service: Endpoint,
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        let handler = self.services.lock().remove(&self.service);
        drop(handler);
    }
}

pub(super) struct LocalClient {
    services: Services,
    service: Endpoint,
}

impl LocalClient {
    pub(super) fn new(services: Services, service: Endpoint) -> Self {
        Self { services, service }
    }
}

impl RawClient for LocalClient {
    fn call(&self, request: Bytes, timeout: Duration) -> Call {
        let service = self.service.name.clone();
        let handler = self.services.lock().get(&self.service).cloned();
        let Some(handler) = handler else {
            return Box::pin(async move { Err(CarrierError::NoServer(service)) });
        };
        let (sender, receiver) = oneshot::channel();
        handler(
            request,
            Responder::new(move |response| {
                // The caller may have stopped waiting; then nobody wants the response.
                let _ = sender.send(response);
            }),
        );
        Box::pin(async move {
            match tokio::time::timeout(timeout, receiver).await {
                Ok(Ok(Ok(response))) => Ok(response),
                Ok(Ok(Err(reason))) => Err(CarrierError::NoReply { service, reason }),
                Ok(Err(_)) => {
                    Err(CarrierError::NoReply { service, reason: "the server went away".to_owned() })
                }
                Err(_) => Err(CarrierError::Timeout { service, timeout }),
            }
        })
    }

    fn is_served(&self) -> bool {
        self.services.lock().contains_key(&self.service)
    }
}
