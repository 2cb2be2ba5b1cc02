"""What the console says in Japanese where somebody decides in the failover room; english_room.py has the same keys.

Owns sentences. The trap: what cannot be taken back is said as that, and not in softer words.
"""

from __future__ import annotations

from typing import Final

JAPANESE_ROOM: Final[dict[str, str]] = {
    # ---- the room
    "failover.me": "この切替でのあなた：{who}（{roles}）",
    "failover.looks": "閲覧のみです。このログインは切替の担当者ではありません。",
    "failover.no-authenticator": (
        "あなたの認証コード（ワンタイム）は登録されていません。ここでできるのは保留と呼び出しだけです。"
        "ほかはご自身のアカウントから relay failover で行ってください。"
    ),
    "failover.keep.html": "報告書（ページ）",
    "failover.keep.json": "報告書と記録（JSON）",
    "failover.keep.status": "状況（JSON）",
    "failover.opens.1": "通過すると、両センターを抑止・封印し、複製を止めます。同じエポックのまま戻せます。",
    "failover.opens.2": (
        "通過すると、{to} のデータベースを昇格します。その最初の一バイトから後戻りはできません。続いてレコードを切り替えます。"
    ),
    "failover.opens.3": "通過すると、{to} で電文の種別ごとに解放し、お客様へのサービスを再開します。",
    "failover.hash": "証拠のハッシュ",
    "failover.age": "{age} 経過、{until} まで有効",
    "failover.preparation": "準備",
    "failover.speaks": "勘定系への照会",
    "failover.tail.open": "{n}、未完了",
    "failover.do": "操作",
    "failover.ticked": "済",
    "failover.lone": "二人目の署名待ち",
    "failover.lone.what": "内容",
    "failover.lone.second": "二人目",
    "failover.lone.relay": "中継装置で二人目の署名待ち",
    "failover.lone.until": "有効期限",
    "failover.lone.host": "（ホスト上）",
    "failover.lone.console": "（コンソール上）",
    # ---- a decision
    "failover.approves": "承認者の役割",
    "failover.version": "計画のハッシュ",
    "failover.plans": "計画",
    "failover.plans.none": "計画フォルダに計画がありません。",
    "failover.denied": "否認すると",
    "failover.denied.back": "実行を戻します。行った処理を取り消し、元のリージョンで継続します",
    "failover.denied.hold": "実行を保留します。もう戻すことはできません",
    "failover.taken-back": "取り消すもの（新しい順）",
    "failover.no-way-back": "取消不可",
    "deed.saw": "確認・実施した内容（証拠）",
    "deed.text": "内容",
    "deed.type": "意思確認のため、実行名を入力してください：{run}",
    "deed.proof.note": "ご自身の認証アプリの六桁。コンソールには保存されません。一回だけ有効です。",
    "deed.code.note": "金庫の封筒にあるコード。どの実行でも一回しか使えません。",
    "deed.not-typed": "実行名を最後の一文字まで入力してください。",
    "deed.no-proof": "ご自身の認証コードがありません。",
    "deed.no-lines": "少なくとも一行、確認した内容を入力してください。",
    "result.half": "二名のうち一名が署名",
    "deed.failover-declare": "障害を宣言",
    "deed.failover-declare.what": (
        "切替の実行を始めます。準備が直ちに始まり、関係者を呼び出し、ゲート1 が開きます。お客様への影響はまだありません。"
        "宣言した人はどのゲートも承認できません。"
    ),
    "deed.failover-approve": "ゲートを承認",
    "deed.failover-approve.what": (
        "このページに示した計画と証拠に対してのみ、このゲートを承認します。異なる役割の二名が承認します。宣言した人は承認できません。"
    ),
    "deed.failover-deny": "ゲートを否認",
    "deed.failover-deny.what": "このゲートを否認します。一人の否認で決まります。",
    "deed.failover-withdraw": "自分の承認を撤回",
    "deed.failover-withdraw.what": "このゲートへのあなたの承認を無効にします。通過したゲートは戻りません。",
    "deed.failover-break-glass": "緊急開封",
    "deed.failover-break-glass.what": (
        "二名に代わり、あなた一人でこのゲートを通過させます。全員を直ちに呼び出し、コードは使用済みとなり、記録に永久に残ります。"
        "ほかに誰とも連絡が取れない場合に限ります。"
    ),
    "deed.failover-hold": "保留",
    "deed.failover-hold.what": (
        "新しい処理は始まりません。実行中の処理は最後まで行います。止める操作なので認証コードは要りません。"
    ),
    "deed.failover-escalate": "関係者を呼び出す",
    "deed.failover-escalate.what": "登録された手段で関係者をいま呼び出します。一分に一回までです。",
    "deed.failover-resume": "再開",
    "deed.failover-resume.what": "保留を解除します。始められる処理が始まります。",
    "deed.failover-abort": "中止",
    "deed.failover-abort.what": "行った処理を取り消し、同じエポックのまま元のリージョンで継続します。",
    "deed.failover-adopt": "このセンターで引き継ぐ",
    "deed.failover-adopt.what": (
        "このセンターのオーケストレーターが実行を引き継ぎます。相手が応答する間は一名、応答しない場合は停止を確認した二名が署名します。"
    ),
    "deed.failover-tick": "チェックリストに記入",
    "deed.failover-tick.what": "確認内容を入れた行だけが、あなたの名前で済みになります。空欄の行はそのままです。",
    "deed.failover-again": "もう一度試す",
    "deed.failover-again.what": "手順をもう一度行います。先に状態を確認するので、二重に行われることはありません。",
    "deed.failover-by-hand": "手作業で完了",
    "deed.failover-by-hand.what": (
        "この手順を人手で行ったと申告します。二名の署名が必要です。二人目は五分以内に自分のログインで同じ申告をします。"
    ),
    "deed.failover-waive": "免除",
    "deed.failover-waive.what": (
        "この手順を行わずに先へ進めます。二名の署名が必要です。二人目は五分以内に自分のログインで同じ申告をします。"
    ),
    "deed.failover-say": "状況を申告",
    "deed.failover-say.what": "記録と次の証拠に書き込みます。損失の受容と単独続行は、五分以内に二名で申告します。",
    "field.run": "実行",
    "field.gate": "ゲート",
    "field.seen": "署名の対象：実行・ゲート・計画・証拠を一つにしたハッシュ",
    "field.role": "役割",
    "field.second": "二人目の署名者",
    "field.step": "手順名",
    "field.undo": "取消の手順",
    "field.version": "計画",
    "field.epoch": "エポック（空欄：リレーが知っているもの）",
    "field.topic": "対象",
    "field.lines": "行ごとの確認内容",
    "field.alone": "実行名",
    "field.code": "封筒のコード",
    "field.proof": "認証コード",
    "topic.batch-checkpoint": "バッチの最終チェックポイント",
    "topic.accept-loss": "損失を受け入れる（二名署名）",
    "topic.zengin": "全銀の時間帯",
    "topic.alone": "相手センターなしで続行する（二名署名）",
    "topic.remark": "備考",
}
