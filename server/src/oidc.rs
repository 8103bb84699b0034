//! Signing in at an issuer of OpenID Connect: discovery, the authorisation code with PKCE
//! (RFC 7636), state and nonce. Called by API workers; what is asked of the issuer is bounded
//! in time and size.
//!
//! Nothing of a sign-in that has begun is kept here: the browser carries it, encrypted, in a
//! cookie of its own.

pub mod jws;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stardust_shared::base64;

use crate::access::Role;
use crate::error::{Error, Kind};
use crate::http::encoded;
use crate::secret::Secret;
use jws::{Expected, Identity, Jwk, Wrong};

const TIME_MAX: Duration = Duration::from_secs(10);
const BODY_BYTES_MAX: u64 = 1 << 20;
/// What an issuer says of itself is asked for again after so long.
const FRESH: Duration = Duration::from_secs(3600);
/// Keys are asked for again at most so often, whoever shows a token of an unknown one.
const KEYS_AGAIN: Duration = Duration::from_secs(10);
/// How long somebody may take at the issuer's.
pub const BEGUN_MS: i64 = 10 * 60_000;

/// What it was started with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    /// On the button of the page.
    pub label: String,
    pub groups_claim: String,
    /// Groups of the issuer and the role that they bring; the highest counts.
    pub roles: Vec<(Role, String)>,
    /// Certificates that are believed besides the usual ones.
    pub ca_file: Option<PathBuf>,
}

/// A sign-in that has begun, as the browser carries it.
#[derive(Serialize, Deserialize)]
pub struct Begun {
    pub state: String,
    nonce: String,
    verifier: String,
    redirect_uri: String,
    /// A path of the page to lead back to.
    pub back_to: String,
    pub until_ms: i64,
}

#[derive(Clone, Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Default)]
struct Known {
    discovery: Option<(Instant, Discovery)>,
    keys: Option<(Instant, Vec<Jwk>)>,
}

pub struct Issuer {
    pub settings: Settings,
    agent: ureq::Agent,
    known: Mutex<Known>,
}

impl Issuer {
    /// # Errors
    /// When the file of certificates can't be read.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let mut tls = ureq::tls::TlsConfig::builder();
        if let Some(file) = &settings.ca_file {
            tls = tls.root_certs(roots(file)?);
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIME_MAX))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("stardust-server/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.build())
            .build();
        Ok(Self {
            settings,
            agent: agent.into(),
            known: Mutex::default(),
        })
    }

    /// Where the browser is sent, and what it carries.
    pub fn begin(
        &self,
        redirect_uri: &str,
        back_to: &str,
        now_ms: i64,
    ) -> Result<(String, Begun), Error> {
        let discovery = self.discovery()?;
        let random = || {
            let mut bytes = [0u8; 32];
            crate::auth::keys::random(&mut bytes)?;
            Ok::<_, Error>(base64::URL.encode(&bytes))
        };
        let begun = Begun {
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            redirect_uri: redirect_uri.to_owned(),
            back_to: back_to.to_owned(),
            until_ms: now_ms + BEGUN_MS,
        };
        let challenge = base64::URL.encode(&Sha256::digest(begun.verifier.as_bytes()));
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", "openid profile email groups"),
            ("state", &begun.state),
            ("nonce", &begun.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let endpoint = &discovery.authorization_endpoint;
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        Ok((format!("{endpoint}{joint}{query}"), begun))
    }

    /// Who it was, by the code that the browser has brought back.
    pub fn finish(&self, begun: &Begun, code: &str, now_ms: i64) -> Result<Identity, Error> {
        let discovery = self.discovery()?;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &begun.redirect_uri),
            ("code_verifier", &begun.verifier),
            ("client_id", &self.settings.client_id),
        ];
        if let Some(secret) = &self.settings.client_secret {
            fields.push(("client_secret", secret.expose()));
        }
        let tokens: Tokens = self.post(&discovery.token_endpoint, &form(&fields))?;
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &begun.nonce,
            now_s: now_ms.div_euclid(1000),
            groups_claim: &self.settings.groups_claim,
        };
        let mut found = jws::verify(&tokens.id_token, &self.keys(&discovery, false)?, &expected);
        if found == Err(Wrong::UnknownKey) {
            // The issuer may have changed its keys.
            found = jws::verify(&tokens.id_token, &self.keys(&discovery, true)?, &expected);
        }
        found.map_err(|wrong| {
            let why = match wrong {
                Wrong::UnknownKey => "it is signed by a key that the issuer does not publish",
                Wrong::Refused(why) => why,
            };
            refused(&format!("Its identity token was refused: {why}."))
        })
    }

    /// The highest role that the groups bring.
    pub fn role(&self, groups: &[String]) -> Role {
        let brings = |(_, group): &&(Role, String)| groups.contains(group);
        let roles = self.settings.roles.iter().filter(brings);
        roles.map(|(role, _)| *role).max().unwrap_or(Role::None)
    }

    fn discovery(&self) -> Result<Discovery, Error> {
        if let Some((at, known)) = &self.known().discovery
            && at.elapsed() < FRESH
        {
            return Ok(known.clone());
        }
        let issuer = self.settings.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let found: Discovery = self.get(&url)?;
        if found.issuer != self.settings.issuer {
            return Err(refused(
                "It calls itself by another name than --oidc-issuer: compare the two, with the \
                 slash at the end.",
            ));
        }
        let secure = self.settings.issuer.starts_with("https://");
        for endpoint in [
            &found.authorization_endpoint,
            &found.token_endpoint,
            &found.jwks_uri,
        ] {
            let is_good =
                endpoint.starts_with("https://") || (!secure && endpoint.starts_with("http://"));
            if !is_good {
                return Err(refused("It names an address without HTTPS."));
            }
        }
        self.known().discovery = Some((Instant::now(), found.clone()));
        Ok(found)
    }

    fn keys(&self, discovery: &Discovery, anew: bool) -> Result<Vec<Jwk>, Error> {
        let most = if anew { KEYS_AGAIN } else { FRESH };
        if let Some((at, known)) = &self.known().keys
            && at.elapsed() < most
        {
            return Ok(known.clone());
        }
        let found: Jwks = self.get(&discovery.jwks_uri)?;
        // Kinds of keys that are not known here are none of ours.
        let keys: Vec<Jwk> = found
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect();
        self.known().keys = Some((Instant::now(), keys.clone()));
        Ok(keys)
    }

    fn get<T: for<'de> Deserialize<'de>>(&self, url: &str) -> Result<T, Error> {
        let asked = self.agent.get(url).header("Accept", "application/json");
        self.read(asked.call())
    }

    fn post<T: for<'de> Deserialize<'de>>(&self, url: &str, body: &str) -> Result<T, Error> {
        let asked = self
            .agent
            .post(url)
            .header("Accept", "application/json")
            .header("Content-Type", "application/x-www-form-urlencoded");
        self.read(asked.send(body))
    }

    fn read<T: for<'de> Deserialize<'de>>(
        &self,
        answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, Error> {
        let mut response =
            answered.map_err(|error| refused(&format!("It is not reached: {error}.")))?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(BODY_BYTES_MAX)
            .read_to_vec()
            .map_err(|error| refused(&format!("Its answer can't be read: {error}.")))?;
        if status != 200 {
            // OAuth's own word for it (RFC 6749, section 5.2), if it is one.
            let said: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
            let word = said.as_ref().and_then(|said| said["error"].as_str());
            let word = word.map_or_else(String::new, |word| {
                format!(" ({})", crate::auth::failures::shown(word, 40))
            });
            return Err(refused(&format!("It answered {status}{word}.")));
        }
        serde_json::from_slice(&body).map_err(|_| refused("Its answer is not what it should be."))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn roots(file: &std::path::Path) -> Result<ureq::tls::RootCerts, Error> {
    let wrong = |why: String| {
        Error::new(
            Kind::Config,
            format!("--oidc-ca-file {}: {why}.", file.display()),
            "Name a file of certificates in PEM.",
        )
    };
    let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let certificates: Vec<_> = ureq::tls::parse_pem(&bytes)
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    match certificates.is_empty() {
        true => Err(wrong("there is no certificate in it".into())),
        false => Ok(ureq::tls::RootCerts::Specific(certificates.into())),
    }
}

/// `application/x-www-form-urlencoded`
fn form(fields: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", encoded(value));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn refused(why: &str) -> Error {
    Error::new(
        Kind::Node,
        format!("The sign-in at the issuer did not work. {why}"),
        "Try again; if it goes on, whoever runs Ground Control finds more in its log.",
    )
}
