import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Whether a connection that has just sent asks its socket for the answer for a moment, before its thread goes to sleep.
///
/// Within one machine, and over the fastest networks, a peer answers sooner than a sleeping thread is awake again: each
/// side of an exchange would wait for the other's awakening. Asking pays only where answers are that fast, so every
/// attempt in vain lets twice as many of the next ones pass, up to ``Limits/busyPollPause``; every answer halves that.
/// Linux does the same below sockets (`SO_BUSY_POLL`) and below virtual machines (halt polling). It keeps the thread's other
/// connections waiting meanwhile, so it is only for one that talks on its event loop alone (``LoopTalk``).
struct BusyPoll {
    private var pause = 0
    private var pausesLeft = 0

    /// Something was sent; whether to ask for its answer.
    mutating func isDue() -> Bool {
        guard self.pausesLeft > 0 else { return true }
        self.pausesLeft -= 1
        return false
    }

    /// An attempt has ended, with an answer or in vain.
    mutating func ended(answered: Bool) {
        self.pause = answered ? self.pause / 2 : min(2 * self.pause + 1, Limits.busyPollPause)
        self.pausesLeft = answered ? 0 : self.pause
    }

    /// Asks a socket until there is something to read, or its end or failure, for at most ``Limits/busyPoll``.
    static func isReadable(_ socket: NIOBSDSocket.Handle) -> Bool {
        var request = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        let end = NIODeadline.now() + Limits.busyPoll
        repeat {
            // A signal counts as an answer: the loop looks by itself.
            if poll(&request, 1, 0) != 0 { return true }
        } while NIODeadline.now() < end
        return false
    }
}

/// Which of an event loop's connections sent last. Only that loop's thread asks; the lock tells the compiler so.
final class LoopTalk: Sendable {
    private static let ofThread = ThreadSpecificVariable<LoopTalk>()

    /// Of the event loop that this is called on.
    static var current: LoopTalk {
        if let known = self.ofThread.currentValue { return known }
        let talk = LoopTalk()
        self.ofThread.currentValue = talk
        return talk
    }

    private let sender = Mutex<ObjectIdentifier?>(nil)

    var lastSender: ObjectIdentifier? { self.sender.withLock { $0 } }

    /// - Returns: whether nobody else has sent since `sender` did the last time.
    func sends(_ sender: ObjectIdentifier) -> Bool {
        self.sender.withLock { last in
            defer { last = sender }
            return last == sender
        }
    }
}
