use std::io;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate::PeerCertificate;

/// Accepts TLS connections, and looks at the certificates of clients.
#[derive(Clone)]
pub(crate) struct Acceptor {
    pub(crate) tls: TlsAcceptor,
    /// Which certificates are the authority's, if clients are asked for one.
    pub(crate) chains: Option<Arc<dyn ClientCertVerifier>>,
}

impl Acceptor {
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Option<PeerCertificate>)> {
        let stream = self.tls.accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|shown| shown.split_first());
        let shown = shown.zip(self.chains.as_ref()).map(|((certificate, between), chains)| {
            let is_trusted = chains.verify_client_cert(certificate, between, UnixTime::now()).is_ok();
            PeerCertificate::new(certificate, is_trusted)
        });
        Ok((stream, shown))
    }
}

/// Lets in whoever has the key to some certificate, or none: who it is decides the endpoint. The checks of signatures are those of the verifier within.
#[derive(Debug)]
pub(crate) struct AnyCertificate(pub(crate) Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: a client with a certificate of its own making shows it too.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
