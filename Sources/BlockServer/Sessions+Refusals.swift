internal import Logging
internal import ShardProtocol
internal import SwarmCore
internal import Synchronization

extension Sessions {
    /// Tells the owner who asks for what it cannot have: as much of it as ``RefusalLog`` lets through.
    func log(_ code: ReplyCode, _ text: String, of key: SessionKey) {
        guard code.isLogged, let leftOut = self.refusals.withLock({ $0.refused(key.peer, code, now: .now) })
        else { return }
        self.logger.info(
            "a request was refused",
            metadata: [
                "peer": "\(key.peer)", "session": "\(key.session.rawValue)", "code": "\(code.rawValue)",
                "message": "\(text)", "left_out": "\(leftOut)",
            ]
        )
    }

    /// Those of whom no line has told, when no other line will soon.
    func logWhatWasLeftOut(now: ContinuousClock.Instant) {
        guard let leftOut = self.refusals.withLock({ $0.quiet(now: now) }) else { return }
        self.logger.info("more requests were refused", metadata: ["left_out": "\(leftOut)"])
    }
}
