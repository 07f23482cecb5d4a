//! What each address has under way, of each kind of request.

use super::admission::Kind;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

type Key = (IpAddr, Kind);

/// All addresses that have something under way or wait for it.
#[derive(Debug, Default)]
pub(super) struct Clients {
    here: Mutex<HashMap<Key, Client>>,
}

#[derive(Debug)]
struct Client {
    places: Arc<Semaphore>,
    /// Requests under way and in line.
    requests: usize,
}

impl Clients {
    /// One of so many places that this address has for this kind, once there is one. At least 1.
    pub(super) async fn share(self: &Arc<Self>, client: IpAddr, kind: Kind, most: usize) -> Share {
        let (stay, places) = self.stay((client, kind), most);
        Share { _place: places.acquire_owned().await.expect("the places are never closed"), _stay: stay }
    }

    fn stay(self: &Arc<Self>, key: Key, most: usize) -> (Stay, Arc<Semaphore>) {
        let mut here = self.here();
        let places = || Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)));
        let client = here.entry(key).or_insert_with(|| Client { places: places(), requests: 0 });
        client.requests += 1;
        (Stay { clients: Arc::clone(self), key }, Arc::clone(&client.places))
    }

    fn here(&self) -> MutexGuard<'_, HashMap<Key, Client>> {
        self.here.lock().expect("nothing panics while holding it")
    }
}

/// One of an address's requests, until it is dropped.
pub(super) struct Share {
    // Given back first: an address is forgotten once all of its places are free.
    _place: OwnedSemaphorePermit,
    _stay: Stay,
}

/// Keeps an address in mind.
struct Stay {
    clients: Arc<Clients>,
    key: Key,
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut here = self.clients.here();
        if let Some(client) = here.get_mut(&self.key) {
            client.requests -= 1;
            if client.requests == 0 {
                here.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use std::net::Ipv4Addr;

    #[tokio::test]
    async fn an_address_waits_for_its_own_and_is_forgotten_when_it_has_nothing_left() {
        let clients = Arc::new(Clients::default());
        let [one, other] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(203, 0, 113, last)));
        let first = clients.share(one, Kind::Answer, 1).await;
        let mut second = Box::pin(clients.share(one, Kind::Answer, 1));
        assert!(second.as_mut().now_or_never().is_none(), "it waits");
        assert!(clients.share(one, Kind::Upload, 1).now_or_never().is_some(), "each kind by itself");
        assert!(clients.share(other, Kind::Answer, 1).now_or_never().is_some());
        drop(first);
        let second = second.now_or_never().expect("the first is done");
        assert!(clients.share(one, Kind::Answer, 1).now_or_never().is_none());
        drop(second);
        assert!(clients.here().is_empty());
    }
}
