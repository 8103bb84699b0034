import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useLayoutEffect, useRef, useState } from 'react';
import { CARD_HEIGHT, NodeCard } from './node-card';
import type { Row } from './rows';
import type { Selecting } from './selection';

const CARD_WIDTH_MIN = 296;
const GAP = 12;

interface Props {
  rows: Row[];
  now: number;
  skewMs: number;
  selecting: Selecting | null;
  onTag(tag: string): void;
}

/** Cards in as many columns as fit; only the lines in view are in the page, so ten thousand are as quick as ten. */
export function CardList({ rows, now, skewMs, selecting, onTag }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const element = box.current!;
    const measure = () => {
      setWidth(element.clientWidth);
      setTop(element.getBoundingClientRect().top + window.scrollY);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const columns = Math.max(1, Math.floor((width + GAP) / (CARD_WIDTH_MIN + GAP)));
  const lines = Math.ceil(rows.length / columns);
  const virtual = useWindowVirtualizer({
    count: width > 0 ? lines : 0,
    estimateSize: () => CARD_HEIGHT + GAP,
    overscan: 4,
    scrollMargin: top,
  });

  return (
    <div ref={box} style={{ height: virtual.getTotalSize() }} className="relative" data-columns={columns}>
      {virtual.getVirtualItems().map((line) => (
        <div
          key={line.key}
          className="absolute inset-x-0 grid"
          style={{
            transform: `translateY(${line.start - top}px)`,
            gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
            gap: GAP,
          }}
        >
          {rows.slice(line.index * columns, (line.index + 1) * columns).map(({ node, status }) => (
            <NodeCard
              key={node.id}
              node={node}
              status={status}
              now={now}
              skewMs={skewMs}
              chosen={selecting ? selecting.chosen.has(node.id) : null}
              onToggle={selecting?.onToggle}
              onTag={onTag}
            />
          ))}
        </div>
      ))}
    </div>
  );
}
