/// Which side of a connection this is. It decides who proposes, who speaks first, and whose stream ids are odd.
package enum ConnectionRole: Sendable, Equatable {
    /// Dialed: multistream's dialer, Noise's initiator, Yamux's client.
    case dialer
    /// Was dialed: multistream's listener, Noise's responder, Yamux's server.
    case listener
}
